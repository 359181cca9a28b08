package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// pin keeps servers on some processors, and everybody else on the others.
func pin(cpus string, servers, others []int) error {
	var all, own, rest unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return fmt.Errorf("asking for the processors: %w", err)
	}
	for s := range strings.SplitSeq(cpus, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || !all.IsSet(n) {
			return fmt.Errorf("-server-cpus %q: there is no processor %q", cpus, s)
		}
		own.Set(n)
	}
	for n := range len(all) * 64 {
		if all.IsSet(n) && !own.IsSet(n) {
			rest.Set(n)
		}
	}
	if rest.Count() == 0 {
		return fmt.Errorf("-server-cpus %q: no processor is left for the others", cpus)
	}
	for _, pid := range servers {
		if err := pinProcess(pid, &own); err != nil {
			return err
		}
	}
	for _, pid := range others {
		if err := pinProcess(pid, &rest); err != nil {
			return err
		}
	}
	return nil
}

// pinProcess pins all threads of a process, until it has no new ones: a thread inherits from the one that makes it.
func pinProcess(pid int, cpus *unix.CPUSet) error {
	var done []string
	for {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
		before := len(done)
		for _, path := range threads {
			if slices.Contains(done, path) {
				continue
			}
			tid, err := strconv.Atoi(filepath.Base(path))
			if err != nil {
				return err
			}
			if err := unix.SchedSetaffinity(tid, cpus); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("pinning thread %d of process %d: %w", tid, pid, err)
			}
			done = append(done, path)
		}
		if len(done) == before {
			return nil
		}
	}
}
