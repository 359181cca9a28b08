package connectortest

import (
	"errors"
	goruntime "runtime"
	"strings"
	"time"
)

// goroutines gives the stacks of all goroutines by their numbers.
func goroutines() map[string]string {
	buf := make([]byte, 1<<20)
	for {
		n := goruntime.Stack(buf, true)
		if n < len(buf) {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	stacks := map[string]string{}
	for stack := range strings.SplitSeq(string(buf), "\n\n") {
		head, _, _ := strings.Cut(stack, " [")
		stacks[head] = stack
	}
	return stacks
}

const lookAgain = 5 * time.Millisecond

// leftBehind waits until no goroutines are left but those that were there before.
func leftBehind(before map[string]string, within time.Duration) error {
	deadline := time.Now().Add(within)
	for {
		var left []string
		for number, stack := range goroutines() {
			if _, old := before[number]; !old {
				left = append(left, stack)
			}
		}
		if len(left) == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.New("goroutines are left:\n" + strings.Join(left, "\n\n"))
		}
		time.Sleep(lookAgain)
	}
}
