package herder

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-connect/sluice/worker/config"
)

// instanceID is the group.instance.id of a task's consumer. It is named after the task and not after the worker: whoever runs
// the task next has its partitions at once, and fences whoever ran it before.
//
// It changes with the subscription. Kafka gives a static member that returns what it had, and does not look whether it still wants
// the same topics; under another name the group makes a new assignment.
//
// Kafka allows the characters of a topic's name and 249 of them, while connectors may have any name.
func instanceID(id taskID, topics, regex string) string {
	list := config.Split(topics)
	slices.Sort(list)
	sum := sha256.Sum256([]byte(id.connector + "\x00" + strings.Join(list, ",") + "\x00" + regex))
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '_'
	}, id.connector)
	return "sluice-" + name[:min(len(name), 150)] + "-" + strconv.Itoa(id.task) + "-" + hex.EncodeToString(sum[:6])
}
