import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/*
 * A connector that leaves behind what Confluent's does when it is killed in the middle of a commit, with Hadoop's own client:
 *
 *   Confluent LOG FOLDER [FILE FIRST LAST]...
 *
 * FILE is written below FOLDER, a number to a line, and closed; one whose name begins with ! stays open. LOG is the content of the
 * write-ahead log, which stays open too, so that its lease lives on after a kill.
 */
public class Confluent {
  public static void main(String[] args) throws Exception {
    Configuration conf = new Configuration();
    conf.setBoolean("fs.hdfs.impl.disable.cache", true);
    URI root = URI.create(args[1]);
    FileSystem fs = FileSystem.get(root, conf);
    for (int i = 2; i < args.length; i += 3) {
      boolean open = args[i].startsWith("!");
      FSDataOutputStream out = fs.create(new Path(root.getPath(), args[i].substring(open ? 1 : 0)));
      for (long n = Long.parseLong(args[i + 1]); n <= Long.parseLong(args[i + 2]); n++) {
        out.write((n + "\n").getBytes(StandardCharsets.UTF_8));
      }
      out.hflush();
      if (!open) {
        out.close();
      }
    }
    FSDataOutputStream log = fs.create(new Path(root.getPath(), "logs/select-color/1/log"));
    log.write(Files.readAllBytes(java.nio.file.Path.of(args[0])));
    log.hsync();
    System.out.println("ready");
    Thread.sleep(Long.MAX_VALUE);
  }
}
