// Package keep starts a command again whenever it ends, as the kubelet restarts
// a container. External Secrets ends by itself when it loses its lease, which
// happens each time the API server is stopped.
package keep

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

// Main runs `keep COMMAND ARGS...` until it is told to stop.
func Main(args []string) error {
	if len(args) == 0 {
		return errors.New("no command to keep running")
	}
	// The death signal of a child is bound to the thread that started it.
	runtime.LockOSThread()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	for {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		// If this process is killed outright, the child must not outlive it.
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := cmd.Start(); err != nil {
			return err
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case err := <-ended:
			fmt.Fprintf(os.Stderr, "keep: %s ended (%v); it is started again in 1 s\n", args[0], err)
		case s := <-stop:
			_ = cmd.Process.Signal(s)
			select {
			case <-ended:
			case <-time.After(5 * time.Second):
				_ = cmd.Process.Kill()
			}
			return nil
		}
		select {
		case <-time.After(time.Second):
		case <-stop:
			return nil
		}
	}
}
