// Package crilog runs a command and keeps its output twice: as it is, and in the
// format in which a container runtime writes logs, so that `kubectl logs` of the
// pod shows what the real server says.
package crilog

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

// Main runs `crilog FILE COMMAND ARGS...` and ends as the command ends.
func Main(args []string) error {
	if len(args) < 2 {
		return errors.New("want FILE COMMAND ARGS")
	}
	file, err := os.OpenFile(args[0], os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	// The death signal of a child is bound to the thread that started it.
	runtime.LockOSThread()
	// The whole session is signalled; the command decides when it has ended.
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT)
	cmd := exec.Command(args[1], args[2:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		fmt.Println(lines.Text())
		fmt.Fprintf(file, "%s stdout F %s\n", time.Now().UTC().Format("2006-01-02T15:04:05.000000000Z"), lines.Text())
	}
	return cmd.Wait()
}
