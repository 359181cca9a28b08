package main

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

func TestThreadsMayBeWokenLate(t *testing.T) {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	late := 0
	for _, thread := range threads {
		b, err := os.ReadFile("/proc/" + thread.Name() + "/timerslack_ns")
		if err != nil {
			continue // it has ended
		}
		if strings.TrimSpace(string(b)) == strconv.Itoa(timerSlack) {
			late++
		} else {
			t.Errorf("thread %s has a slack of %s", thread.Name(), b)
		}
	}
	if late == 0 {
		t.Error("no thread was seen")
	}
}
