import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import org.apache.kerby.kerberos.kerb.client.KrbClient;
import org.apache.kerby.kerberos.kerb.client.KrbConfig;
import org.apache.kerby.kerberos.kerb.server.SimpleKdcServer;

/**
 * A Kerberos server and kinit. The keys are made of the principals' names, so that keytabs hold when the server starts anew.
 *
 * <pre>
 * kdc PORT REALM FOLDER PRINCIPAL…            serves, and writes FOLDER/NAME.keytab for each principal NAME[/host]
 * kinit CONF_FOLDER KEYTAB PRINCIPAL CACHE    gets a ticket; CONF_FOLDER has krb5.conf
 * </pre>
 */
public class Kerberos {
  public static void main(String[] args) throws Exception {
    switch (args[0]) {
      case "kdc" -> kdc(args);
      case "kinit" -> kinit(args);
      default -> throw new IllegalArgumentException(args[0]);
    }
  }

  static void kdc(String[] args) throws Exception {
    int port = Integer.parseInt(args[1]);
    File folder = new File(args[3]);
    SimpleKdcServer server = new SimpleKdcServer(folder, new KrbConfig());
    server.setWorkDir(folder);
    server.setKdcHost("127.0.0.1");
    server.setKdcRealm(args[2]);
    server.setAllowUdp(false);
    server.setKdcTcpPort(port);
    server.init();
    for (int i = 4; i < args.length; i++) {
      server.createPrincipal(args[i] + "@" + args[2], "secret of " + args[i]);
      Path made = folder.toPath().resolve(args[i].replaceAll("/.*", "") + ".keytab");
      Path fresh = Path.of(made + ".new");
      Files.deleteIfExists(fresh);
      server.exportPrincipal(args[i] + "@" + args[2], fresh.toFile());
      Files.move(fresh, made, StandardCopyOption.ATOMIC_MOVE);
    }
    server.start();
    System.out.println("serving " + args[2] + " on port " + port);
    Thread.currentThread().join();
  }

  static void kinit(String[] args) throws Exception {
    KrbClient client = new KrbClient(new File(args[1]));
    client.init();
    client.storeTicket(client.requestTgt(args[3], new File(args[2])), new File(args[4]));
  }
}
