package pluginhost

import (
	"os/exec"
	"runtime"
)

// starter starts all processes from one thread that lives as long as the host: the kernel sends the signal of Pdeathsig
// when the thread ends that started the process, not when the whole worker does (invariant 4).
type starter struct {
	jobs chan job
	done chan struct{}
}

type job struct {
	cmd  *exec.Cmd
	done chan<- error
}

func newStarter() *starter {
	s := &starter{jobs: make(chan job), done: make(chan struct{})}
	go s.run()
	return s
}

func (s *starter) run() {
	defer close(s.done)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread() // by now all processes have ended
	for j := range s.jobs {
		keepDescriptors()
		j.done <- j.cmd.Start()
	}
}

func (s *starter) start(cmd *exec.Cmd) error {
	done := make(chan error, 1)
	s.jobs <- job{cmd, done}
	return <-done
}

func (s *starter) close() {
	close(s.jobs)
	<-s.done
}
