package herder

import (
	"regexp"
	"strings"
	"testing"
)

func TestInstanceID(t *testing.T) {
	legal := regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)
	seen := map[string]string{}
	for name, c := range map[string]struct {
		id            taskID
		topics, regex string
	}{
		"plain":         {taskID{"orders", 0}, "a,b", ""},
		"another task":  {taskID{"orders", 1}, "a,b", ""},
		"other topics":  {taskID{"orders", 0}, "a", ""},
		"regex":         {taskID{"orders", 0}, "", "a.*"},
		"slash":         {taskID{"or/ders", 0}, "a", ""},
		"space":         {taskID{"or ders", 0}, "a", ""},
		"unicode":       {taskID{"größe", 0}, "a", ""},
		"very long":     {taskID{strings.Repeat("x", 300), 0}, "a", ""},
		"longer by one": {taskID{strings.Repeat("x", 301), 0}, "a", ""},
	} {
		id := instanceID(c.id, map[string]string{"topics": c.topics, "topics.regex": c.regex})
		if !legal.MatchString(id) {
			t.Errorf("%s: Kafka refuses %q", name, id)
		}
		if other, ok := seen[id]; ok {
			t.Errorf("%s and %s are both %q", name, other, id)
		}
		seen[id] = name
	}
	if a, b := instanceID(taskID{"x", 0}, map[string]string{"topics": "a, b"}), instanceID(taskID{"x", 0}, map[string]string{"topics": "b,a"}); a != b {
		t.Errorf("%q and %q: the order of topics counts", a, b)
	}
}
