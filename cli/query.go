package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/change"
	"github.com/whoql/whoql/format"
	"github.com/whoql/whoql/okta"
	"github.com/whoql/whoql/stmt"
)

// queryFlags are the flags of whoql query.
type queryFlags struct {
	output       string
	outputGiven  bool
	csvSafe      bool
	out          string
	outGiven     bool
	file         string
	sandbox      sandboxFlag
	headroom     int // percent
	cursors      int
	timeout      time.Duration
	params       []string
	verbose      bool
	tempInMemory bool
	noPushdown   bool
	noRewrite    bool
	noProjection bool
	refresh      bool
	assumeUsers  int64 // -1: not given
	orgs         orgFlags
	files        fileFlags
	changes      changeFlags
}

func (c *command) queryFlags(args []string) (*queryFlags, []string, error) {
	f := &queryFlags{}
	fs := pflag.NewFlagSet("query", pflag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.SortFlags = false
	fs.StringVarP(&f.output, "output", "o", "table", "write `FORMAT`: "+strings.Join(format.Names(), ", "))
	fs.StringVar(&f.out, "out", "", "write to `FILE` when all rows are there, in the format of its ending: "+endingList())
	fs.BoolVar(&f.csvSafe, "csv-safe", false, "put a ' before what a spreadsheet would take for a formula; for csv and tsv")
	fs.StringVarP(&f.file, "file", "f", "", "read the statements from a `FILE`; - is standard input")
	f.sandbox.addTo(fs)
	f.orgs.add(fs)
	addHeadroom(fs, &f.headroom)
	fs.IntVar(&f.cursors, "cursors", whoql.MaxCursors, fmt.Sprintf("read a long list with at most `N` cursors side by side, 1 to %d", whoql.MaxCursors))
	fs.DurationVar(&f.timeout, "timeout", 0, "give up after this `TIME`, such as 30s or 5m; exit code 124")
	addParams(fs, &f.params)
	f.files.add(fs)
	f.changes.add(fs)
	fs.BoolVarP(&f.verbose, "verbose", "v", false, "show the footer and waits of a second or more on standard error, also without a terminal")
	fs.BoolVar(&f.tempInMemory, "temp-in-memory", false, "keep big sorts in memory, so that no personal data reaches a disk")
	fs.BoolVar(&f.noPushdown, "no-pushdown", false, "read tables whole and check every condition here; the rows are the same")
	fs.BoolVar(&f.refresh, "refresh-schemas", false, "where a statement needs the org's user schemas, read them anew; otherwise they are kept for a day")
	fs.Int64Var(&f.assumeUsers, "assume-users", -1, "let EXPLAIN take the org to have `N` users, instead of as many as were counted last")
	fs.BoolVar(&f.noProjection, "no-projection", false, "ask the API for whole objects, whatever is used of them; the rows are the same")
	fs.BoolVar(&f.noRewrite, "no-rewrite", false, "read profile->>'x' out of the JSON instead of from its column; the rows are the same")
	fs.Usage = func() {
		c.help("whoql query [flags] SQL...\n\nRuns the statements and writes a result for each. Exit codes: 0 all rows written, 1 failed,\n"+
			"2 wrong usage, 3 wrong SQL, 4 a change was not approved, 124 timeout, 130 interrupted, 141 output closed, 143 terminated.\n\n", fs)
	}
	if err := fs.Parse(hideComments(args)); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return nil, nil, err
		}
		return nil, nil, flagError(fs, err, "whoql help query lists the flags")
	}
	if f.timeout < 0 || fs.Changed("timeout") && f.timeout == 0 {
		return nil, nil, &usageError{msg: "--timeout must be longer than 0", hint: "for example: --timeout 30s"}
	}
	if f.cursors < 1 || f.cursors > whoql.MaxCursors {
		return nil, nil, &usageError{msg: fmt.Sprintf("--cursors %d: expected 1 to %d", f.cursors, whoql.MaxCursors), hint: "1 reads every list from its first page to its last"}
	}
	if err := checkHeadroom(f.headroom); err != nil {
		return nil, nil, err
	}
	if fs.Changed("assume-users") && f.assumeUsers < 0 {
		return nil, nil, &usageError{msg: fmt.Sprintf("--assume-users %d: expected 0 or more", f.assumeUsers)}
	}
	if f.outputGiven, f.outGiven = fs.Changed("output"), fs.Changed("out"); f.outGiven && f.out == "" {
		return nil, nil, &usageError{msg: "--out needs the name of a file", hint: "for example: --out users.csv"}
	}
	if err := f.changes.check(); err != nil {
		return nil, nil, err
	}
	texts := showComments(fs.Args())
	return f, texts, f.sandbox.check(texts)
}

func addHeadroom(fs *pflag.FlagSet, percent *int) {
	fs.IntVar(percent, "headroom", 40, "leave this `PERCENTAGE` of the org's rate limit to its other apps, 0 to 90")
}

func checkHeadroom(percent int) error {
	if percent < 0 || percent > 90 {
		return &usageError{msg: fmt.Sprintf("--headroom %d: expected 0 to 90", percent), hint: "0 uses the whole rate limit, 40 leaves two fifths of it to others"}
	}
	return nil
}

func addParams(fs *pflag.FlagSet, params *[]string) {
	fs.StringArrayVar(params, "param", nil, "bind :name to a text by `name=value`, or to JSON (a number, true, null) by name:=json")
}

// A SQL text that begins with a comment looks like a flag. hideComments puts a byte in front of such
// arguments that no text may have, and showComments takes it away again.
func hideComments(args []string) []string {
	args = slices.Clone(args)
	for i, a := range args {
		if len(a) > 2 && a[:2] == "--" && strings.IndexByte(" \t\r\n", a[2]) >= 0 {
			args[i] = "\x00" + a
		}
	}
	return args
}

func showComments(texts []string) []string {
	for i, t := range texts {
		texts[i] = strings.TrimPrefix(t, "\x00")
	}
	return texts
}

// errTimeout is the cause of a context that --timeout ended.
type errTimeout struct{ after time.Duration }

func (e *errTimeout) Error() string { return fmt.Sprintf("timed out after %s", e.after) }

func (c *command) query(ctx context.Context, args []string) error {
	f, texts, err := c.queryFlags(args)
	if err != nil {
		return err
	}
	params, err := parseParams(f.params)
	if err != nil {
		return err
	}
	if f.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, f.timeout, &errTimeout{f.timeout})
		defer cancel()
	}
	defer c.watch(ctx)()
	text, err := c.statements(f, texts)
	if err != nil {
		return err
	}
	out, err := c.output(f)
	if err != nil {
		return err
	}
	defer out.abort()
	talk := f.verbose || isTerminal(c.stderr)
	clientOptions := okta.Options{Headroom: float64(f.headroom) / 100, ReadOnly: f.changes.readOnly}
	if talk {
		clientOptions.OnWait = c.reportWaits(f.verbose)
	}
	set, err := c.orgsOf(f.orgs, f.sandbox, clientOptions)
	if err != nil {
		return err
	}
	defer set.close()
	options := c.engineOptions(f, set)
	done, err := c.files(ctx, f.files, f.file, &options)
	defer done()
	if err != nil {
		return err
	}
	changer, err := c.changer(f.changes, set, f.sandbox.on && f.sandbox.file == "")
	if err != nil {
		return err
	}
	defer changer.close()
	changer.wholePlans = out.whole
	changer.options(&options)
	engine, err := whoql.Open(options)
	if err != nil {
		return err
	}
	changer.engine = engine
	start := time.Now()
	rows, err := engine.Query(ctx, text, params)
	if err != nil {
		return err
	}
	for _, note := range rows.Notes() {
		c.reportSQL("note", note)
	}
	stop := c.progress.follow(rows.Stats)
	defer stop()
	n, err := c.writeRows(rows, out.format)
	changer.behind = rows.Behind()
	if e := rows.Close(); err == nil {
		err = e
	}
	all := isWhole(err)
	if all {
		err = errors.Join(err, out.commit())
	}
	errors.As(err, &changer.stops)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	stop()
	if talk {
		c.footer(n, rows.Stats(), time.Since(start), all)
		if f.verbose {
			c.costs(rows.Stats())
			for _, text := range rows.Stats().Unprojected {
				fmt.Fprintln(c.stderr, text)
			}
		}
		if f.sandbox.on && f.sandbox.file == "" {
			fmt.Fprintln(c.stderr, "changes of this sandbox last for this command only; --sandbox=FILE keeps them")
		}
	}
	c.reportCuts(out)
	changer.ended()
	if err != nil {
		unfinished := "no row was written"
		if n > 0 {
			unfinished = out.unfinished()
		}
		return &queryError{error: err, unfinished: changer.unfinished(unfinished), requests: rows.Stats().Requests, timed: f.timeout > 0}
	}
	return nil
}

// engineOptions are the engine's as far as the flags of whoql query say them.
func (c *command) engineOptions(f *queryFlags, set *orgSet) whoql.Options {
	o := whoql.Options{Orgs: set.orgs, NoDefaultOrg: set.noDefault, NoPushdown: f.noPushdown, NoRewrite: f.noRewrite, NoProjection: f.noProjection, RefreshSchemas: f.refresh, TempInMemory: f.tempInMemory, Cursors: f.cursors}
	if !f.sandbox.on { // whose URL is another one every time
		c.cache(&o, runtime.GOOS)
	}
	if f.assumeUsers >= 0 {
		o.Assume = map[string]int64{"okta.user.users": f.assumeUsers}
	}
	return o
}

// A queryError is why a query that had begun failed.
type queryError struct {
	error
	unfinished string // what there is of its results
	requests   int64
	timed      bool // --timeout was given
}

func (e *queryError) Unwrap() error { return e.error }

// isWhole says whether a result is all there. That of a change says how each object ended, however that was.
func isWhole(err error) bool {
	var failed *whoql.ChangeError
	var stopped *change.StoppedError
	return err == nil || errors.As(err, &failed) || errors.As(err, &stopped)
}

// An outputError is a failed write of rows.
type outputError struct{ error }

func (e *outputError) Unwrap() error { return e.error }

// writeRows writes all results and returns the number of rows written.
func (c *command) writeRows(rows *whoql.Rows, w format.Writer) (n int64, err error) {
	out := newSteadyWriter(w)
	defer out.close()
	for more := true; more; more = rows.NextResult() {
		var names []string
		for _, col := range rows.Columns() {
			names = append(names, col.Name)
		}
		// Nothing is written before the first row is there: a heading alone would look like a
		// result without rows.
		more := rows.Next()
		if rows.Err() != nil {
			return n, rows.Err()
		}
		if len(names) == 0 {
			continue // CREATE, INSERT and the like give no result
		}
		if err := out.begin(names, rows.Vertical()); err != nil {
			return n, &outputError{err}
		}
		for ; more; more = rows.Next() {
			if err := out.row(rows.Values()); err != nil {
				return n, &outputError{err}
			}
			n++
		}
		if err := out.end(isWhole(rows.Err())); err != nil && rows.Err() == nil {
			return n, &outputError{err}
		}
	}
	return n, rows.Err()
}

// statements returns the SQL text: the arguments, each one or more statements, or a file.
func (c *command) statements(f *queryFlags, texts []string) (string, error) {
	if f.file == "" {
		if len(texts) == 0 {
			return "", &usageError{msg: "no SQL was given", hint: `for example: whoql query "SHOW METHODS IN okta.user.users", or -f FILE, or -f - for standard input`}
		}
		if len(texts) > 1 && slices.Contains(stmt.Words, strings.ToUpper(texts[0])) {
			return "", &usageError{msg: "the SQL came in pieces", hint: `a statement is one argument, in double quotes: whoql query "SELECT …"`}
		}
		return strings.Join(texts, "\n;\n"), nil // the semicolon stands outside of a comment at an argument's end
	}
	if len(texts) > 0 {
		return "", &usageError{msg: "SQL was given both as -f and on the command line", hint: "use one of them; the output's format is -o"}
	}
	var b []byte
	var err error
	if f.file == "-" {
		b, err = io.ReadAll(c.stdin)
	} else {
		b, err = os.ReadFile(f.file)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "", &usageError{msg: err.Error(), hint: "-f takes the path of a file with statements, seen from the folder that you are in"}
	}
	if err != nil {
		return "", &usageError{msg: err.Error()}
	}
	return strings.TrimPrefix(string(b), "\ufeff"), nil
}

// parseParams reads name=value, a text, and name:=json, a number, true, false, null or a text.
func parseParams(params []string) (whoql.Args, error) {
	args := whoql.Args{}
	for _, p := range params {
		name, value, ok := strings.Cut(p, "=")
		if !ok || strings.TrimSuffix(name, ":") == "" {
			return nil, &usageError{msg: "--param: expected name=value", hint: "for example: --param department=IT, or --param days:=90 for a number"}
		}
		var v any = value
		name = strings.TrimLeft(name, ":@$") // as it stands in the statement
		if n, typed := strings.CutSuffix(name, ":"); typed {
			name = n
			var err error
			if v, err = jsonScalar(value); err != nil {
				return nil, &usageError{msg: fmt.Sprintf("--param %s: %v", n, err), hint: "behind := goes a JSON number, true, false, null or string"}
			}
		}
		if _, ok := args[name]; ok {
			return nil, &usageError{msg: fmt.Sprintf("--param %s is given twice", name)}
		}
		args[name] = v
	}
	return args, nil
}

func jsonScalar(text string) (any, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, errors.New("not a JSON value")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("not a JSON value: something stands behind it")
	}
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n, nil
		}
		n, err := v.Float64()
		if err != nil {
			return nil, errors.New("a number out of range") // without the number, which may be a secret
		}
		return n, nil
	case nil, bool, string:
		return v, nil
	}
	return nil, errors.New("an object or array")
}

// footer says how the query ended. Whoever sees no "complete" has no complete result.
func (c *command) footer(n int64, s whoql.Stats, elapsed time.Duration, complete bool) {
	word := "complete"
	if !complete {
		word = "INCOMPLETE"
	}
	retries := ""
	if s.Retries > 0 {
		retries = fmt.Sprintf(" (%d repeated)", s.Retries)
	}
	fmt.Fprintf(c.stderr, "%s, %s%s, waited %s, %s elapsed, %s\n", count(n, "row"), count(s.Requests, "request"), retries,
		s.Waited.Round(100*time.Millisecond), elapsed.Round(time.Millisecond), word)
}

// costs shows what each table has cost, for a comparison with what EXPLAIN said.
func (c *command) costs(s whoql.Stats) {
	for _, t := range s.Read {
		fmt.Fprintf(c.stderr, "%s: %s, %s, %d at a time, %s\n", t.Resource, count(t.Requests, "request"), count(t.Objects, "object"),
			t.Most, t.Took.Round(time.Millisecond))
	}
}

func count(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// reportWaits returns a function that tells on stderr why nothing happens for a while: in the line of
// progress, if there is one, and in lines of their own; what several calls wait for together is told once. It may be
// called concurrently.
func (c *command) reportWaits(verbose bool) func(okta.Wait) {
	var mu sync.Mutex
	told := map[okta.Wait]time.Time{} // until when, by operation and reason
	return func(w okta.Wait) {
		if w.Duration < time.Second {
			return
		}
		if c.progress.wait(w) && !verbose {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		until, same := time.Now().Add(w.Duration), okta.Wait{Operation: w.Operation, Reason: w.Reason}
		if until.Sub(told[same]) < time.Second {
			return
		}
		told[same] = until
		fmt.Fprintf(c.stderr, "whoql: %s: waiting %s (%s)\n", w.Operation, w.Duration.Round(100*time.Millisecond), w.Reason)
	}
}
