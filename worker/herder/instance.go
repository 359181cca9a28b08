package herder

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-connect/sluice/worker/cluster"
	"github.com/sluice-connect/sluice/worker/config"
)

// instanceID is the group.instance.id of a task's consumer. It is named after the task and not after the worker: whoever runs
// the task next has its partitions at once, and fences whoever ran it before.
//
// It changes with the subscription. Kafka gives a static member that returns what it had, and does not look whether it still wants
// the same topics; under another name the group makes a new assignment.
//
// Kafka allows 249 characters, while connectors may have any name: the hash tells apart what is cut or replaced.
func instanceID(id taskID, c map[string]string) string {
	topics := config.Split(c["topics"])
	slices.Sort(topics)
	sum := sha256.Sum256([]byte(id.connector + "\x00" + strings.Join(topics, ",") + "\x00" + c["topics.regex"]))
	name := cluster.InstanceID(id.connector)
	return "sluice-" + name[:min(len(name), 150)] + "-" + strconv.Itoa(id.task) + "-" + hex.EncodeToString(sum[:6])
}
