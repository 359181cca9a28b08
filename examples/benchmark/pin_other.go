//go:build !linux

package main

import "errors"

// pin keeps servers on some processors, and everybody else on the others.
func pin(string, []int, []int) error {
	return errors.New("-server-cpus: processes are pinned on Linux only")
}
