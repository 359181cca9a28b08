package hdfs

import (
	"errors"
	"slices"
	"strings"

	"github.com/sluice-connect/sluice/connectors"
)

const (
	groupHDFS      = "Hdfs"
	groupConnector = "Connector"
	groupStorage   = "Storage"
	groupFiles     = "Files"
	groupSchema    = "Schema"
	groupPartition = "Partitioner"
	groupHive      = "Hive"
	groupSecurity  = "Security"
)

const (
	modeFlush  = "flush"
	modeAppend = "append"

	nullFail   = "fail"
	nullIgnore = "ignore"
)

// The keys. Names and defaults are Confluent's where Confluent has them; the others begin with "sluice.".
var (
	hdfsURL = connectors.String("hdfs.url", "Where to write: hdfs://namenode:port or file:///folder. The older name of store.url.",
		connectors.Group(groupHDFS), connectors.WithImportance(connectors.High), connectors.WithWidth(connectors.WidthLong), urlCheck())
	storeURL = connectors.String("store.url", "Where to write: hdfs://namenode:port, several namenodes of one cluster between commas, hdfs://nameservice with hadoop.conf.dir, or file:///folder.",
		connectors.Group(groupStorage), connectors.WithImportance(connectors.High), connectors.WithWidth(connectors.WidthLong), urlCheck())
	confDir = connectors.String("hadoop.conf.dir", "Folder with core-site.xml and hdfs-site.xml. They say what namenodes a nameservice has, and whether the cluster wants Kerberos.",
		connectors.Group(groupHDFS), connectors.Default(""), connectors.WithWidth(connectors.WidthLong))
	user = connectors.String("sluice.hdfs.user", "User in HDFS: files are written as that user. Default: the environment variable HADOOP_USER_NAME, then the user of the worker; with Kerberos the principal, which needs the namenode's leave (hadoop.proxyuser.*) to act as another user.",
		connectors.Group(groupHDFS), connectors.Default(""))
	timeout = connectors.Millis("sluice.hdfs.timeout.ms", "How long a single call to a namenode or datanode may take.",
		connectors.Group(groupHDFS), connectors.Default("30000"), connectors.AtLeast(1000))

	topicsDir = connectors.String("topics.dir", "Top folder of the topics' folders. ${topic} stands for the topic, and ${n} for a group of topic.capture.groups.regex.",
		connectors.Group(groupStorage), connectors.Default("topics"), connectors.WithImportance(connectors.High), connectors.NonEmpty())
	logsDir = connectors.String("logs.dir", "Top folder of the records of commits: the progress files of append mode, and commit.json where a commit has several files.",
		connectors.Group(groupStorage), connectors.Default("logs"), connectors.NonEmpty())
	fileDelim = connectors.String("file.delim", "Between topic, partition and offsets in the names of files.",
		connectors.Group(groupStorage), connectors.Default("+"), connectors.Check("one of + - _ ~ =", func(s string) error {
			if len(s) != 1 || !strings.ContainsAny(s, "+-_~=") {
				return errors.New("String must be one of +, -, _, ~, =")
			}
			return nil
		}))
	dirDelim = connectors.String("directory.delim", "Between folders. HDFS knows / only.",
		connectors.Group(groupStorage), connectors.Default("/"), connectors.OneOf("/"))
	zeroPad = connectors.Int("filename.offset.zero.pad.width", "Least number of digits of the offsets in the names of files.",
		connectors.Group(groupStorage), connectors.Default("10"), connectors.Between(0, 20))

	onNull = connectors.String("behavior.on.null.values", "What becomes of records without a value: fail rejects them, ignore passes over them.",
		connectors.Group(groupConnector), connectors.Default(nullFail), connectors.OneOf(nullFail, nullIgnore))

	flushSize = connectors.Int("flush.size", "Records of a Kafka partition that are committed together, in all its open files: with DefaultPartitioner the records in a file.",
		connectors.Group(groupConnector), connectors.Required(), connectors.WithImportance(connectors.High), connectors.AtLeast(1))
	rotateInterval = connectors.Millis("rotate.interval.ms", "Longest time from the first record of the open files to their commit: by the clock, also when nothing more comes, or with timestamp.extractor Record or RecordField by the times of the records, when one comes that is later by that. -1: no limit.",
		connectors.Group(groupConnector), connectors.Default("-1"), connectors.WithImportance(connectors.High))
	rotateSchedule = connectors.Millis("rotate.schedule.interval.ms", "Files are committed at midnight in timezone and at every multiple of this time since. -1: never.",
		connectors.Group(groupConnector), connectors.Default("-1"))
	retryBackoff = connectors.Millis("retry.backoff.ms", "Longest pause between two attempts while HDFS refuses or is away. The first pauses are shorter. 0 counts as 1.",
		connectors.Group(groupConnector), connectors.Default("5000"), connectors.AtLeast(0))

	writeMode = connectors.String("sluice.write.mode", "flush: a new file for every flush.size records. append: one growing file per partition, to which every flush.size records are appended.",
		connectors.Group(groupFiles), connectors.Default(modeFlush), connectors.OneOf(modeFlush, modeAppend))
	bufferBytes = connectors.Long("sluice.buffer.bytes", "Bytes that each Kafka partition keeps in memory, of all its open files and those being committed. What is larger is streamed to HDFS meanwhile.",
		connectors.Group(groupFiles), connectors.Default("8388608"), connectors.AtLeast(64<<10))
	fileBytes = connectors.Long("sluice.file.bytes", "Bytes of one of the open files at which they are committed although they have fewer than flush.size records. It is also the block size of streamed files, so that a file has one block.",
		connectors.Group(groupFiles), connectors.Default("1073741824"), connectors.Between(1<<20, 8<<30))

	kerberos = connectors.Bool("hdfs.authentication.kerberos", "Whether HDFS wants Kerberos. Also without it Kerberos is used where hadoop.security.authentication in hadoop.conf.dir is kerberos.",
		connectors.Group(groupSecurity), connectors.Default("false"), connectors.WithImportance(connectors.High))
	principal = connectors.String("connect.hdfs.principal", "Who the connector is for Kerberos, like connect/_HOST@REALM, where _HOST stands for this machine's name. Empty: the owner of the ticket cache.",
		connectors.Group(groupSecurity), connectors.Default(""), connectors.WithImportance(connectors.High))
	keytabFile = connectors.String("connect.hdfs.keytab", "File with the principal's keys. New tickets are got with it before the old ones end. Empty: the ticket cache counts.",
		connectors.Group(groupSecurity), connectors.Default(""), connectors.WithImportance(connectors.High), connectors.WithWidth(connectors.WidthLong))
	namenodePrincipal = connectors.String("hdfs.namenode.principal", "Principal of the namenodes, like nn/_HOST@REALM, where _HOST stands for the host of each. Default: dfs.namenode.kerberos.principal in hadoop.conf.dir.",
		connectors.Group(groupSecurity), connectors.Default(""), connectors.WithImportance(connectors.High))
	krb5Conf = connectors.String("sluice.hdfs.krb5.conf", "Configuration of Kerberos. Default: the environment variable KRB5_CONFIG, then /etc/krb5.conf.",
		connectors.Group(groupSecurity), connectors.Default(""), connectors.WithWidth(connectors.WidthLong))
	ticketCache = connectors.String("sluice.hdfs.ticket.cache", "File with tickets that another program gets and renews, read for every connection. Default: the environment variable KRB5CCNAME, then /tmp/krb5cc_<uid>.",
		connectors.Group(groupSecurity), connectors.Default(""), connectors.WithWidth(connectors.WidthLong))
)

// ignored are Confluent's options that change nothing here, with the reasons.
func ignored() []connectors.AnyKey {
	const (
		noJVM  = "there is no JVM and no Hadoop installation"
		noHive = "tables are not kept by the sink; hive.integration tells how to make external ones"
	)
	list := []struct{ name, group, fallback, why string }{
		{"hadoop.home", groupHDFS, "", noJVM},
		{"shutdown.timeout.ms", groupConnector, "3000", "the worker's task.shutdown.graceful.timeout.ms counts"},
		{"storage.class", groupStorage, "", "the URL says which storage it is"},
		{"hive.metastore.uris", groupHive, "", noHive},
		{"hive.conf.dir", groupHive, "", noHive},
		{"hive.home", groupHive, "", noHive},
		{"kerberos.ticket.renew.period.ms", groupSecurity, "3600000", "tickets are renewed when they are due"},
	}
	keys := make([]connectors.AnyKey, 0, len(list))
	for _, k := range list {
		keys = append(keys, connectors.String(k.name, "Accepted for compatibility: "+k.why+".", connectors.Group(k.group),
			connectors.Default(k.fallback), connectors.WithImportance(connectors.Low), connectors.Ignored(k.why)))
	}
	return keys
}

func definition() connectors.ConfigDef {
	return connectors.Define(slices.Concat([]connectors.AnyKey{
		storeURL, hdfsURL, confDir, user, timeout,
		topicsDir, logsDir, fileDelim, dirDelim, zeroPad, captureGroups,
	}, formatKeys(), []connectors.AnyKey{
		onNull,
		flushSize, rotateInterval, rotateSchedule, retryBackoff,
		writeMode, bufferBytes, fileBytes,
		kerberos, principal, keytabFile, namenodePrincipal, krb5Conf, ticketCache,
	}, layoutKeys(), compactKeys(), hiveKeys(), ignored())...)
}

func lastPart(class string) string { return class[strings.LastIndexByte(class, '.')+1:] }
