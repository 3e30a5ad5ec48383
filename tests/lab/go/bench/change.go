package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/signal"
	"regexp"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const stored = "/registry/external-secrets.io/externalsecrets/%s/%s"

// changer writes the time of the last sync into ExternalSecrets, as their controller
// does after each sync. It writes to etcd: the API server hears of it as of a write
// through another API server. A write through itself costs it 8 ms of a core, and
// two cores for all would show how it struggles, not how a console keeps up.
type changer struct {
	server
	etcd            string
	client, plain   *http.Client
	values          sync.Map // by key in etcd, what was stored there first
	count, spaces   int
	namespace, name string
	done, failed    atomic.Int64
	late            atomic.Int64
	out             *json.Encoder
	outLock         sync.Mutex
	lastFault       atomic.Value
}

// change makes changes at a steady pace: mostly to any object, some to one that
// is on the screen (the mark), whose time tells which change it was. What is told
// on standard output, a JSON object a line: for each change of the mark when it was
// sent, and when it was answered; when a bare watch heard of it; the sums.
func change(args []string) error {
	set := flag.NewFlagSet("change", flag.ExitOnError)
	c := &changer{out: json.NewEncoder(os.Stdout)}
	c.server.flags(set)
	set.IntVar(&c.count, "count", 0, "objects app-00000-credentials and on")
	set.IntVar(&c.spaces, "namespaces", 50, "namespaces team-00 and on that they are spread over")
	set.StringVar(&c.etcd, "etcd", "", "URL of etcd")
	rate := set.Float64("rate", 200, "changes a second, in all")
	marks := set.Float64("marks", 0, "of these, changes a second of the mark")
	set.StringVar(&c.namespace, "mark-namespace", "zz-last", "namespace of the mark")
	set.StringVar(&c.name, "mark", "", "name of the mark")
	seconds := set.Float64("seconds", 10, "how long; 0 for ever")
	if err := set.Parse(args); err != nil {
		return err
	}
	var err error
	if c.client, err = c.server.client(); err != nil {
		return err
	}
	c.plain = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	if *marks > 0 {
		go c.watch()
		time.Sleep(200 * time.Millisecond)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	started := time.Now()
	over := func() bool {
		select {
		case <-stop:
			stop <- syscall.SIGTERM
			return true
		default:
			return *seconds > 0 && time.Since(started).Seconds() >= *seconds
		}
	}
	var paced sync.WaitGroup
	paced.Go(func() { c.pace(*rate-*marks, over, c.any) })
	if *marks > 0 {
		paced.Go(func() { c.pace(*marks, over, c.mark()) })
	}
	paced.Wait()
	took := time.Since(started).Seconds()
	if *marks > 0 {
		time.Sleep(time.Second) // until the bare watch has heard of the last one
	}
	c.tell(map[string]any{"done": c.done.Load(), "failed": c.failed.Load(), "late": c.late.Load(),
		"seconds": took, "rate": float64(c.done.Load()) / took, "fault": c.lastFault.Load()})
	return nil
}

func (c *changer) tell(what any) {
	c.outLock.Lock()
	defer c.outLock.Unlock()
	_ = c.out.Encode(what)
}

// pace calls again and again, each call at its due time whether or not those
// before have returned; with 64 in flight a call is left out and counted as late.
func (c *changer) pace(rate float64, over func() bool, call func()) {
	if rate <= 0 {
		return
	}
	var flying sync.WaitGroup
	room := make(chan struct{}, 64)
	started := time.Now()
	for i := 0; !over(); i++ {
		time.Sleep(time.Until(started.Add(time.Duration(float64(i) / rate * float64(time.Second)))))
		select {
		case room <- struct{}{}:
			flying.Go(func() {
				call()
				<-room
			})
		default:
			c.late.Add(1)
		}
	}
	flying.Wait()
}

// any says of any object that it was synced just now.
func (c *changer) any() {
	n := rand.IntN(c.count)
	c.put(fmt.Sprintf("team-%02d", n%c.spaces), fmt.Sprintf("app-%05d-credentials", n), time.Now())
}

// mark says of the mark that it was synced so many days ago: a number that stands
// on the screen, and is another one each time.
func (c *changer) mark() func() {
	days := 0
	return func() {
		days = days%90 + 1
		n := days
		sent := time.Now()
		if c.put(c.namespace, c.name, synced(n, sent)) {
			c.tell(map[string]any{"days": n, "sent": sent.UnixNano(), "answered": time.Now().UnixNano()})
		}
	}
}

// synced is half a day off, so that the number of days stays the same while it is shown.
func synced(days int, now time.Time) time.Time {
	return now.Add(-time.Duration(days)*24*time.Hour + 12*time.Hour)
}

var refreshTime = regexp.MustCompile(`"refreshTime":"[^"]*"`)

func (c *changer) put(namespace, name string, at time.Time) bool {
	key := []byte(fmt.Sprintf(stored, namespace, name))
	known, found := c.values.Load(string(key))
	if !found {
		var answer struct{ Kvs []struct{ Value []byte } }
		if err := c.ask("range", map[string]any{"key": key}, &answer); err != nil {
			return c.fault(err)
		}
		if len(answer.Kvs) != 1 || !refreshTime.Match(answer.Kvs[0].Value) {
			return c.fault(fmt.Errorf("etcd holds no %s that was ever synced", key))
		}
		known = answer.Kvs[0].Value
		c.values.Store(string(key), known)
	}
	value := refreshTime.ReplaceAll(known.([]byte), []byte(`"refreshTime":"`+at.UTC().Format(time.RFC3339)+`"`))
	if err := c.ask("put", map[string]any{"key": key, "value": value}, &struct{}{}); err != nil {
		return c.fault(err)
	}
	c.done.Add(1)
	return true
}

// ask speaks to the gateway of etcd, for which bytes are base64, as for Go's JSON.
func (c *changer) ask(what string, question, into any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	answer, err := c.plain.Post(c.etcd+"/v3/kv/"+what, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	read, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("etcd, %s: %s %s", what, answer.Status, read)
	}
	return json.Unmarshal(read, into)
}

func (c *changer) fault(err error) bool {
	c.failed.Add(1)
	c.lastFault.Store(err.Error())
	return false
}

// watch is the bare peer: it hears of the changes of the mark as any client does,
// and does nothing with them.
func (c *changer) watch() {
	path := "/apis/external-secrets.io/v1/namespaces/" + c.namespace + "/externalsecrets?watch=1&fieldSelector=metadata.name%3D" + c.name
	answer, err := c.client.Get(c.url + path)
	if err != nil {
		c.fault(err)
		return
	}
	defer answer.Body.Close()
	lines := bufio.NewReaderSize(answer.Body, 64<<10)
	for {
		line, err := lines.ReadBytes('\n')
		heard := time.Now()
		if err != nil {
			return
		}
		var event struct {
			Object struct {
				Status struct{ RefreshTime time.Time }
			}
		}
		if json.Unmarshal(line, &event) == nil {
			days := int(heard.Sub(event.Object.Status.RefreshTime).Hours()+12) / 24
			c.tell(map[string]any{"days": days, "heard": heard.UnixNano()})
		}
	}
}
