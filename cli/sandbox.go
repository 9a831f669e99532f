package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"github.com/whoql/whoql/oktatest"
)

// sandboxGrace is how long requests that are under way may take when the sandbox ends.
const sandboxGrace = 3 * time.Second

// sandboxFlags are the flags of whoql sandbox.
type sandboxFlags struct {
	addr, token, db   string
	users             int
	seed              uint64
	rateLimit, faults string
	latency, lag      time.Duration
	log               bool

	usersGiven, seedGiven bool
}

const sandboxHelp = `whoql sandbox [flags]

Serves an Okta org of invented users on this machine, until Ctrl-C or SIGTERM ends it. Its address and
token are written to standard output for a shell to read, and then the output is closed:

  eval "$(whoql sandbox --addr 127.0.0.1:0 &)"
  whoql query "SELECT count(*) FROM okta.user.users"
  kill "$WHOQL_SANDBOX_PID"

Whatever is changed is forgotten in the end, unless --db names a file. docs/sandbox.md says more: what is there and what isn't,
and how to set the org's clock, lock users out and inject faults while it runs.

Faults are KIND[@NTH][xTIMES][:DELAY], separated by commas: at the NTH request, for TIMES requests (* is
for good). For example: rate-limited@3x2,stall@10,delay@1x*:200ms. The kinds:
`

func (c *command) sandboxFlags(args []string) (*sandboxFlags, error) {
	f := &sandboxFlags{}
	fs := pflag.NewFlagSet("sandbox", pflag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.SortFlags = false
	fs.StringVar(&f.addr, "addr", "127.0.0.1:8080", "listen on `HOST:PORT`; port 0 picks a free one")
	fs.IntVar(&f.users, "users", sandboxUsers, "make `N` users; 0: only the owner of the token")
	fs.Uint64Var(&f.seed, "seed", sandboxSeed, "the same `S` and N make the same users")
	fs.StringVar(&f.db, "db", "", "keep the org in this `FILE`, made if it isn't there; N and S are then the file's")
	fs.StringVar(&f.token, "token", "", "accept this API `TOKEN` instead of a well-known one; needed to listen beyond this machine")
	fs.StringVar(&f.rateLimit, "rate-limit", "", "allow `CALLS[/WINDOW]` for each bucket of requests, such as 600 or 50/10s; the window is 60s")
	fs.DurationVar(&f.latency, "latency", 0, "answer every request this `TIME` later")
	fs.DurationVar(&f.lag, "search-lag", 0, "let search, filter and q trail this `TIME` behind changes")
	fs.StringVar(&f.faults, "faults", "", "misbehave as this `SPEC` says")
	fs.BoolVar(&f.log, "log", false, "write one line for each request to standard error")
	fs.Usage = func() {
		var kinds []string
		for _, k := range oktatest.FaultKinds() {
			kinds = append(kinds, k.String())
		}
		c.help(sandboxHelp+columns(kinds)+"\n", fs)
	}
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return nil, err
		}
		return nil, &usageError{msg: err.Error(), hint: "whoql help sandbox lists the flags"}
	}
	if fs.NArg() > 0 {
		return nil, &usageError{msg: "sandbox takes no arguments: " + strings.Join(fs.Args(), " "), hint: "whoql help sandbox lists the flags"}
	}
	f.usersGiven, f.seedGiven = fs.Changed("users"), fs.Changed("seed")
	if fs.Changed("db") && f.db == "" {
		return nil, &usageError{msg: "--db needs the name of a file", hint: "for example: --db org.db"}
	}
	return f, nil
}

// columns lays words out in lines of a terminal's width.
func columns(words []string) string {
	var b strings.Builder
	for i, w := range words {
		if i%4 == 3 || i == len(words)-1 {
			fmt.Fprintf(&b, "  %s\n", w)
		} else {
			fmt.Fprintf(&b, "  %-19s", w)
		}
	}
	return b.String()
}

// options makes the org's options of the flags.
func (f *sandboxFlags) options() (o oktatest.Options, err error) {
	o = oktatest.Options{Users: f.users, Seed: f.seed, Owner: true, Token: f.token, Latency: f.latency, SearchLag: f.lag, Today: time.Now()}
	switch {
	case f.users < 0 || f.users > oktatest.MaxUsers:
		return o, &usageError{msg: fmt.Sprintf("--users %d: choose 0 to %d", f.users, oktatest.MaxUsers)}
	case f.latency < 0:
		return o, &usageError{msg: "--latency must not be negative"}
	case f.lag < 0:
		return o, &usageError{msg: "--search-lag must not be negative"}
	case strings.ContainsFunc(f.token, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return o, &usageError{msg: "--token must be of visible ASCII characters, without spaces"}
	}
	if f.db != "" {
		inFile(&o, f.db, f.usersGiven, f.seedGiven)
	}
	if err := f.checkAddress(); err != nil {
		return o, err
	}
	if o.RateLimit, err = parseRateLimit(f.rateLimit); err != nil {
		return o, err
	}
	if f.faults != "" {
		if o.Faults, err = oktatest.ParseFaults(f.faults); err != nil {
			return o, &usageError{msg: "--faults: " + strings.TrimPrefix(err.Error(), "oktatest: "), hint: "whoql help sandbox shows the notation"}
		}
	}
	return o, nil
}

// checkAddress refuses an address beyond this machine unless a token was chosen: everybody knows the
// one that is taken otherwise.
func (f *sandboxFlags) checkAddress() error {
	host, port, err := net.SplitHostPort(f.addr)
	if err != nil {
		return &usageError{msg: fmt.Sprintf("--addr %s is no address", f.addr), hint: "write host and port, such as 127.0.0.1:8080"}
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return &usageError{msg: fmt.Sprintf("--addr %s: the port must be 0 to 65535", f.addr)}
	}
	if f.token != "" || strings.EqualFold(host, "localhost") {
		return nil
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() {
		return nil
	}
	return &usageError{msg: fmt.Sprintf("--addr %s lets other machines in, and the usual token is known to everybody", f.addr),
		hint: "choose a token with --token, or listen on 127.0.0.1"}
}

// parseRateLimit reads CALLS[/WINDOW]; "" is no limit.
func parseRateLimit(text string) (l oktatest.RateLimit, err error) {
	if text == "" {
		return l, nil
	}
	bad := &usageError{msg: fmt.Sprintf("--rate-limit %s: expected CALLS or CALLS/WINDOW", text), hint: "for example: --rate-limit 600, or --rate-limit 50/10s"}
	calls, window, given := strings.Cut(text, "/")
	if l.Calls, err = strconv.Atoi(calls); err != nil || l.Calls < 1 {
		return l, bad
	}
	if given {
		if l.Window, err = time.ParseDuration(window); err != nil || l.Window <= 0 {
			return l, bad
		}
	}
	return l, nil
}

// serveSandbox is whoql sandbox. A signal is how it ends, and no error.
func (c *command) serveSandbox(ctx context.Context, args []string) error {
	f, err := c.sandboxFlags(args)
	if err != nil {
		return err
	}
	o, err := f.options()
	if err != nil {
		return err
	}
	if f.log {
		o.OnRequest = c.logRequests()
	}
	server, err := oktatest.ServeOn(f.addr, o)
	if err != nil {
		if e := fileError(err); e != err {
			return e
		}
		return listenError(f.addr, err)
	}
	defer server.Close()
	if err := sameOrg(server, f); err != nil {
		return err
	}
	if err := c.announce(server, f); err != nil {
		return err
	}
	<-ctx.Done()
	// The grace isn't the caller's time, which is over.
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), sandboxGrace)
	defer cancel()
	err = server.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		fmt.Fprintf(c.stderr, "whoql: sandbox: connections that were still in use after %s were closed\n", sandboxGrace)
		err = nil
	}
	return err
}

func listenError(addr string, err error) error {
	e := &usageError{msg: fmt.Sprintf("can't listen on %s: %v", addr, errors.Unwrap(err)), hint: "choose another address with --addr; 127.0.0.1:0 picks a free port"}
	if errors.Is(err, syscall.EADDRINUSE) {
		_, port, _ := net.SplitHostPort(addr)
		e.msg = fmt.Sprintf("port %s is in use", port)
		e.hint = "--addr 127.0.0.1:0 picks a free port, unless a sandbox runs there already"
	}
	return e
}

// announce writes what a shell needs to standard output and what people need to standard error. Then
// it closes standard output, so that a shell which waits for all of it goes on.
func (c *command) announce(server *oktatest.Server, f *sandboxFlags) error {
	address := reachable(server.URL)
	lines := ""
	for _, v := range [...][2]string{{"OKTA_CLIENT_ORGURL", address}, {"OKTA_CLIENT_TOKEN", server.Token}, {"WHOQL_SANDBOX_PID", strconv.Itoa(os.Getpid())}} {
		lines += "export " + v[0] + "='" + strings.ReplaceAll(v[1], "'", `'\''`) + "'\n"
	}
	if _, err := io.WriteString(c.stdout, lines); err != nil {
		return &outputError{err}
	}
	if out, ok := c.stdout.(*os.File); ok && !isTerminal(out) {
		out.Close()
	}
	users, seed := server.Generated()
	kept := ""
	if f.db != "" {
		kept = " and what was changed since, kept in " + clean(f.db) + ","
	}
	fmt.Fprintf(c.stderr, `whoql: sandbox: an org of %s (seed %d)%s is at %s; Ctrl-C ends it
  With the lines on standard output set in a shell:
  whoql      whoql query "SELECT status, count(*) FROM okta.user.users GROUP BY status"
  curl       curl -H "Authorization: SSWS $OKTA_CLIENT_TOKEN" "$OKTA_CLIENT_ORGURL/api/v1/users?limit=2"
  Go SDK     http_proxy="$OKTA_CLIENT_ORGURL" OKTA_CLIENT_ORGURL=http://sandbox.invalid your-program
  Terraform  OKTA_HTTP_PROXY="$OKTA_CLIENT_ORGURL" OKTA_API_TOKEN="$OKTA_CLIENT_TOKEN" OKTA_ORG_NAME=sandbox OKTA_BASE_URL=invalid terraform plan
  control    curl -H "Authorization: SSWS $OKTA_CLIENT_TOKEN" "$OKTA_CLIENT_ORGURL/sandbox/v1"
`, people(users), seed, kept, address)
	return nil
}

func people(users int) string {
	if users == 0 {
		return "nobody but the token's owner"
	}
	return count(int64(users), "user")
}

// reachable is the address that a client on this machine uses. A server that listens everywhere says 0.0.0.0.
func reachable(serverURL string) string {
	u, err := url.Parse(serverURL)
	if err != nil {
		return serverURL
	}
	if ip := net.ParseIP(u.Hostname()); ip == nil || !ip.IsUnspecified() {
		return serverURL
	}
	u.Host = net.JoinHostPort("127.0.0.1", u.Port())
	return u.String()
}

// logRequests returns a function that writes a line for each request. It may be called concurrently.
func (c *command) logRequests() func(oktatest.Request) {
	var mu sync.Mutex
	return func(r oktatest.Request) {
		u := url.URL{Path: r.Path, RawQuery: r.Query.Encode()}
		status := strconv.Itoa(r.Status)
		if r.Status == 0 {
			status = "broken off"
		}
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(c.stderr, "%s %s %s %s %d bytes\n", clean(r.Method), clean(u.RequestURI()), status, r.Duration.Round(10*time.Microsecond), r.Bytes)
	}
}
