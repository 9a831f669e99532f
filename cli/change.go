package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/spf13/pflag"

	"github.com/whoql/whoql"
	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/change"
	"github.com/whoql/whoql/format"
	"github.com/whoql/whoql/okta"
)

// defaultMaxChanges is how many objects a plan may change unless somebody allows more.
const defaultMaxChanges = 100

// changeFlags are the flags of statements that change an org.
type changeFlags struct {
	dryRun     bool
	yes        bool
	approve    []string
	maxChanges int
	onError    string
	readOnly   bool
}

func (f *changeFlags) add(fs *pflag.FlagSet) {
	fs.BoolVar(&f.dryRun, "dry-run", false, "show what the changes would do and the hash of each plan; change nothing")
	fs.StringArrayVar(&f.approve, "approve", nil, "apply a plan that has this `HASH`, which --dry-run shows; may be repeated")
	fs.BoolVar(&f.yes, "yes", false, "apply every plan without asking")
	fs.IntVar(&f.maxChanges, "max-changes", defaultMaxChanges, "refuse a plan that changes more than `N` objects, whoever approves it")
	fs.StringVar(&f.onError, "on-error", "", "stop: at the first object that fails; continue: go on with the next statement, too. By default a statement goes on, and a script stops behind it")
	fs.BoolVar(&f.readOnly, "read-only", false, "refuse every statement that changes an org, and every request but GET")
}

func (f *changeFlags) check() error {
	if f.onError != "" && f.onError != "stop" && f.onError != "continue" {
		return &usageError{msg: fmt.Sprintf("--on-error %s: expected stop or continue", f.onError)}
	}
	if f.maxChanges < 1 {
		return &usageError{msg: "--max-changes must be 1 or more", hint: "to change nothing: --dry-run"}
	}
	return nil
}

// A changer lets the statements of one call change orgs.
type changer struct {
	command *command
	flags   changeFlags
	set     *orgSet
	catalog *catalog.Catalog
	// temporary: the org is gone with the command, and so is the journal.
	temporary bool
	// wholePlans: a dry run's result is for a program, which wants hash and sum, too.
	wholePlans bool
	dir        string
	journal    *change.Journal
	engine     *whoql.Engine // nil: it isn't there yet, and no limit is known

	mu     sync.Mutex
	mine   map[string]me          // of each org, by its name
	sames  map[string][]whoql.Org // of each org by its name, those that are the same one
	run    string
	stops  *change.StoppedError
	behind int // how many statements haven't been begun
	// of run: the objects that something was done to, of them those of which something can be undone, and
	// those of which nobody knows
	done, undoable, unknown int
	// left is how many objects a run that is gone on with had left, and more how many of them were done since.
	left, more int
	// asked: the question whether a plan may be applied was left without an answer.
	asked bool
}

// me is whoever the token of an org belongs to.
type me struct {
	id, login string
	err       error // why that is not known
}

// A notApprovedError is a plan that nobody has approved. Nothing of it was done.
type notApprovedError struct{ msg, hint string }

func (e *notApprovedError) Error() string { return e.msg }

// changer prepares for changes of the orgs of a set. Close it.
func (c *command) changer(f changeFlags, set *orgSet, temporary bool) (*changer, error) {
	cat, err := catalog.Load()
	if err != nil {
		return nil, err
	}
	return &changer{command: c, flags: f, set: set, catalog: cat, temporary: temporary, mine: map[string]me{}, sames: map[string][]whoql.Org{}}, nil
}

// options lets an engine change orgs.
func (ch *changer) options(o *whoql.Options) {
	o.Catalog = ch.catalog
	if ch.flags.readOnly {
		return
	}
	o.Changes = &whoql.Changes{
		OpenJournal: func() (*change.Journal, error) { return ch.openJournal(false) },
		Info:        ch.info(""),
		Apply:       ch.applyOptions(),
		Approve:     ch.approve,
		Planned:     ch.planned,
		Protected:   ch.protected,
		DryRun:      ch.flags.dryRun,
		PlanPerRow:  ch.wholePlans,
		GoOn:        ch.flags.onError == "continue",
		Started:     ch.started,
		Ended:       ch.endedOne,
	}
}

func (ch *changer) info(undoes string) change.RunInfo {
	return change.RunInfo{Actor: actor(ch.command.env), Program: "whoql", Undoes: undoes}
}

func (ch *changer) applyOptions() change.ApplyOptions {
	return change.ApplyOptions{StopOnError: ch.flags.onError == "stop", Outcome: func(change.Outcome) { ch.command.progress.changedOne() }}
}

// openJournal opens the journal when it is first needed: most calls only read.
func (ch *changer) openJournal(readOnly bool) (*change.Journal, error) {
	if ch.journal != nil {
		return ch.journal, nil
	}
	var err error
	if ch.dir == "" {
		if ch.dir, err = ch.command.stateDir(ch.temporary); err != nil {
			return nil, err
		}
		if err = checkFolder(ch.dir); err != nil {
			return nil, err
		}
	}
	ch.journal, err = change.OpenJournal(ch.dir, ch.catalog, change.JournalOptions{ReadOnly: readOnly})
	return ch.journal, err
}

func (ch *changer) close() error {
	var errs []error
	if ch.journal != nil {
		errs = append(errs, ch.journal.Close())
	}
	if ch.temporary && ch.dir != "" {
		errs = append(errs, os.RemoveAll(ch.dir))
	}
	return errors.Join(errs...)
}

// stateDir is the folder of the journal. For a sandbox that is gone with the command it is a new one.
func (c *command) stateDir(temporary bool) (string, error) {
	if temporary {
		return os.MkdirTemp("", "whoql-sandbox-")
	}
	if dir := c.env.get("WHOQL_STATE"); dir != "" {
		return dir, nil
	}
	if dir := stateHome(runtime.GOOS, c.env); dir != "" {
		return filepath.Join(dir, dirName), nil
	}
	return "", &usageError{msg: "there is no place for the journal of changes", hint: "set HOME, or WHOQL_STATE to a folder"}
}

// stateHome is the user's folder for state, "" if the environment doesn't say where it is.
func stateHome(goos string, env LookupEnv) string {
	if goos == "windows" {
		return env.get("LOCALAPPDATA")
	}
	if dir := env.get("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return dir
	}
	home := homeDir(goos, env)
	switch {
	case home == "":
		return ""
	case goos == "darwin" || goos == "ios":
		return filepath.Join(home, "Library", "Application Support")
	}
	return filepath.Join(home, ".local", "state")
}

// actor is who runs the command, for the journal.
func actor(env LookupEnv) string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return env.get("USER")
}

// planned shows what a dry run is for: how big the plan is, and its hash.
func (ch *changer) planned(p *change.Plan) {
	if p.Calls() == 0 {
		text := sum(ch.summary(p))
		if len(p.Rows) == 0 {
			text = aboutNobody
		}
		fmt.Fprintf(ch.command.stderr, "plan: %s\n", text)
		return
	}
	how := "; --approve " + p.Hash() + " applies it"
	if ch.temporary {
		how = "" // to whom? The org is gone with the command
	}
	fmt.Fprintf(ch.command.stderr, "plan %s: %s%s\n", p.Hash(), sum(ch.summary(p)), how)
}

// summary sums a plan up, with the time it takes at the rate limit as far as that is known.
func (ch *changer) summary(p *change.Plan) change.Summary {
	if ch.engine == nil {
		return p.Summary(nil)
	}
	return p.Summary(ch.engine.Limit)
}

// sum says what a plan comes to.
func sum(s change.Summary) string {
	var calls []string
	for _, name := range slices.Sorted(maps.Keys(s.Methods)) {
		calls = append(calls, fmt.Sprintf("%d × %s", s.Methods[name], name))
	}
	text := count(int64(s.Rows), "row")
	if len(calls) > 0 {
		text += ", " + strings.Join(calls, ", ")
	}
	for _, part := range []struct {
		n    int
		what string
	}{{s.Unchanged, "unchanged"}, {s.Refused, "refused"}, {s.Irreversible, "can't be undone"}} {
		if part.n > 0 {
			text += fmt.Sprintf(", %d %s", part.n, part.what)
		}
	}
	if s.Mailed > 0 {
		text += ", mails " + count(int64(s.Mailed), "user")
	}
	if s.Calls > 0 {
		text += "; " + count(int64(s.Calls), "call")
		if s.Reads > 0 {
			text += ", " + count(int64(s.Reads), "read")
		}
		if s.Seconds >= 1 {
			text += fmt.Sprintf(", at least %s at the present rate limit", (time.Duration(s.Seconds * float64(time.Second))).Round(time.Second))
		}
	}
	return text
}

// approve says whether a plan may be applied.
func (ch *changer) approve(ctx context.Context, a *whoql.Approval) error {
	if err := ch.allow(ctx, a); err != nil {
		return err
	}
	ch.applying(a.Plan.Summary(nil).Changing)
	return nil
}

// started notes the run that changes are made in.
func (ch *changer) started(run string) {
	ch.run = run
	if !ch.temporary {
		ch.command.run.Store(&run)
	}
}

// applying says that calls are being made which change something, and for how many objects.
func (ch *changer) applying(objects int) {
	ch.command.progress.change(objects)
	ch.command.applying.Store(true)
}

// applied says that they have been made.
func (ch *changer) applied() {
	ch.command.progress.change(0)
	ch.command.applying.Store(false)
}

func (ch *changer) allow(ctx context.Context, a *whoql.Approval) error {
	s := ch.summary(a.Plan)
	if s.Changing > ch.flags.maxChanges {
		return &notApprovedError{
			msg:  fmt.Sprintf("the plan changes %d objects, and at most %d are allowed: nothing of it was done", s.Changing, ch.flags.maxChanges),
			hint: fmt.Sprintf("look at it with --dry-run; if it is meant: --max-changes %d", s.Changing),
		}
	}
	hash := a.Plan.Hash()
	switch {
	case slices.Contains(ch.flags.approve, hash):
		return nil
	case len(ch.flags.approve) > 0: // whoever names a plan wants no other
		return &notApprovedError{msg: "the plan isn't the approved one: its hash is " + hash + "; nothing of it was done",
			hint: "the org or the statement has changed since: look at it again with --dry-run"}
	case a.Keyed || ch.flags.yes:
		return nil
	}
	if err := ch.show(a.Plan); err != nil {
		return err
	}
	instead := "look at the whole plan with --dry-run, and add --yes or --approve " + hash
	if ch.temporary {
		instead = "add --yes; the sandbox is gone with the command, unless --sandbox=FILE keeps it"
	}
	return ch.ask(ctx, s.Changing, instead)
}

// ask lets the person at the terminal type the number of objects. instead says what to do without a
// terminal.
func (ch *changer) ask(ctx context.Context, n int, instead string) error {
	c := ch.command
	if !isTerminal(c.stdin) || !isTerminal(c.stderr) {
		return &notApprovedError{msg: count(int64(n), "object") + " would be changed, and nobody has approved that: nothing of it was done", hint: instead}
	}
	defer c.progress.hold()()
	fmt.Fprintf(c.stderr, "Type %d to change %s: ", n, map[bool]string{true: "it", false: "them"}[n == 1])
	line := make(chan string, 1)
	go func() {
		text, _ := bufio.NewReader(c.stdin).ReadString('\n')
		line <- text
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(c.stderr) // behind the question
		ch.asked = true
		return &unchangedError{context.Cause(ctx)}
	case text := <-line:
		if strings.TrimSpace(text) == strconv.Itoa(n) {
			return nil
		}
	}
	return &notApprovedError{msg: "not approved: nothing of it was done"}
}

// planShown is how many rows of a plan are shown before it is approved.
const planShown = 10

// show writes a plan for people: its sum and its first rows.
func (ch *changer) show(p *change.Plan) error {
	w := ch.command.stderr
	fmt.Fprintf(w, "plan %s: %s\n", p.Hash(), sum(ch.summary(p)))
	columns, rows := whoql.PlanTable(p)
	t, err := format.New("table", w, format.Options{Width: terminalWidth(w), Terminal: isTerminal(w)})
	if err != nil {
		return err
	}
	if err := t.Begin(columns); err != nil {
		return err
	}
	for _, row := range rows[:min(len(rows), planShown)] {
		if err := t.Row(row); err != nil {
			return err
		}
	}
	if err := t.End(true); err != nil {
		return err
	}
	if more := len(rows) - planShown; more > 0 {
		fmt.Fprintf(w, "and %d more; --dry-run shows all\n", more)
	}
	return nil
}

// protected says why an object must not be changed here: it is whoever the token belongs to, or the
// configuration protects it.
func (ch *changer) protected(ctx context.Context, org, id, login string) string {
	for _, o := range ch.set.orgs {
		if !strings.EqualFold(o.Name, org) && !o.AnyName {
			continue
		}
		same, err := ch.same(ctx, org)
		if err != nil {
			return "who is protected can't be told: " + err.Error()
		}
		for _, s := range same {
			if slices.ContainsFunc(s.Protect, func(p string) bool { return login != "" && strings.EqualFold(p, login) }) {
				return "the configuration protects it"
			}
		}
		mine, err := ch.me(ctx, o)
		if err != nil {
			return "whom the token belongs to can't be told, and it must not be changed: " + err.Error()
		}
		if id != "" && id == mine.id || login != "" && strings.EqualFold(login, mine.login) {
			return "the token belongs to it"
		}
	}
	return ""
}

// same returns an org with all that the configuration has of it under other names.
func (ch *changer) same(ctx context.Context, name string) ([]whoql.Org, error) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if same, ok := ch.sames[name]; ok {
		return same, nil
	}
	same, err := ch.engine.SameOrg(ctx, name)
	if err == nil {
		ch.sames[name] = same
	}
	return same, err
}

// me asks once whom the token of an org belongs to. It belongs to nobody if the org says that there is no
// such user, or that the token may not ask: then it is an app's.
func (ch *changer) me(ctx context.Context, o whoql.Org) (me, error) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	m, ok := ch.mine[o.Name]
	if !ok {
		m = whose(ctx, o)
		ch.mine[o.Name] = m
	}
	return m, m.err
}

func whose(ctx context.Context, o whoql.Org) me {
	client := o.Client
	if o.Connect != nil {
		var err error
		if client, err = o.Connect(); err != nil {
			return me{err: err}
		}
	}
	body, err := client.Get(ctx, "get current user", "/api/v1/users/me", nil)
	switch {
	case okta.IsNotFound(err), okta.IsForbidden(err):
		return me{}
	case err != nil:
		return me{err: err}
	}
	var user struct {
		ID      string
		Profile struct{ Login string }
	}
	if err := json.Unmarshal(body, &user); err != nil {
		return me{err: err}
	}
	return me{id: user.ID, login: user.Profile.Login}
}

// endedOne takes a plan that was applied into account, and says so where it was about nobody.
func (ch *changer) endedOne(report *change.Report) {
	ch.applied()
	ch.count(report)
	switch {
	case len(report.Outcomes) == 0:
		fmt.Fprintln(ch.command.stderr, "whoql: note: "+aboutNobody+": nothing was changed")
	default:
		ch.notePartly(report)
	}
}

// notePartly says that some objects of a plan were refused or skipped beside others that weren't, which is no
// error and mustn't be missed.
func (ch *changer) notePartly(r *change.Report) {
	left := r.Counts[change.Refused] + r.Counts[change.Skipped]
	ambiguous := slices.ContainsFunc(r.Outcomes, func(o change.Outcome) bool { return o.Row.Ambiguous })
	if left > 0 && r.OK() && !ambiguous && r.Counts[change.Refused] < len(r.Outcomes) {
		fmt.Fprintf(ch.command.stderr, "whoql: note: %s\n", clean((&whoql.ChangeError{Report: r}).Error()))
	}
}

const aboutNobody = "nobody matches, so there is nothing to do"

// count counts what was done of a plan, and what of that can be undone.
func (ch *changer) count(report *change.Report) {
	for _, o := range report.Outcomes {
		if o.Result == change.Unknown {
			ch.command.changed.Store(true)
			ch.unknown++
		}
		if o.Result == change.Done || o.Step > 0 {
			ch.command.changed.Store(true)
			ch.done++
			if !o.Earlier {
				ch.more++
			}
			if slices.ContainsFunc(o.Row.Steps, func(op *change.Operation) bool { return op.Undo != "" }) {
				ch.undoable++
			}
		}
	}
}

// ended says where to read how the changes of a call ended, and how to go on.
func (ch *changer) ended() {
	if ch.run == "" || ch.temporary {
		return
	}
	show := fmt.Sprintf("whoql runs show %s says what was done", ch.run)
	switch {
	case ch.stops != nil:
		show = fmt.Sprintf("%s left: whoql resume %s%s goes on, %s", count(int64(ch.stops.Left), "row"), ch.run, ch.again(), show)
	case ch.left > 0 && ch.more == 0 && ch.unknown == 0:
		show = fmt.Sprintf("nothing more was done; %s %s left: whoql resume %s%s goes on, %s", count(int64(ch.left), "row"),
			map[bool]string{true: "is", false: "are"}[ch.left == 1], ch.run, ch.again(), show)
	case ch.unknown > 0:
		show = fmt.Sprintf("of %s it isn't known whether it was done: whoql resume %s%s asks again, %s", count(int64(ch.unknown), "row"), ch.run, ch.again(), show)
	case ch.done == 0:
		show = fmt.Sprintf("nothing was done; whoql runs show %s says why", ch.run)
	case ch.undoable > 0:
		show = fmt.Sprintf("%s, whoql undo %s%s plans the way back", show, ch.run, ch.again())
	default:
		show += "; none of it can be undone"
	}
	fmt.Fprintf(ch.command.stderr, "run %s: %s\n", ch.run, show)
	ch.tellBehind(ch.behind)
}

// unfinished says what there is of the changes of a call that broke off; what is said where there are none.
func (ch *changer) unfinished(otherwise string) string {
	switch {
	case ch.stops != nil && !ch.temporary:
		return "what was done is done; whoql resume " + ch.stops.Run + ch.again() + " goes on"
	case ch.done > 0 && ch.run != "" && !ch.temporary:
		return "what was done is done; whoql runs show " + ch.run + " says what that is"
	case ch.asked && ch.done == 0:
		return "nothing was changed"
	}
	return otherwise
}

// tellBehind says how many statements of a text a run doesn't have.
func (ch *changer) tellBehind(n int) {
	if n > 0 {
		fmt.Fprintf(ch.command.stderr, "whoql: note: %s at the end of the text %s not begun, and resume doesn't begin %s\n", count(int64(n), "statement"),
			map[bool]string{true: "was", false: "were"}[n == 1], map[bool]string{true: "it", false: "them"}[n == 1])
	}
}

// again is what a command about the run needs behind its id to find the org: the sandbox's file.
func (ch *changer) again() string {
	for _, o := range ch.set.orgs {
		if strings.HasPrefix(o.Source, sandboxPlace) {
			return " " + shellWord(o.Source)
		}
	}
	return ""
}

// writable refuses an org that is read-only here, by whatever name.
func (ch *changer) writable(ctx context.Context, org string) error {
	same, err := ch.same(ctx, org)
	for _, o := range same {
		if o.ReadOnly {
			return &whoql.ReadOnlyOrgError{Org: o.Name}
		}
	}
	return err
}

// shellWord is a text as one word of a shell's command line.
func shellWord(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune("-_=./:@%+,", r) && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
