package change_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/whoql/whoql/catalog"
	"github.com/whoql/whoql/change"
	"github.com/whoql/whoql/oktatest"
)

// A plan is made, applied and undone. The caller of this example makes its calls to a sandbox.
func Example() {
	org, err := oktatest.Serve(oktatest.Options{Users: 200})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer org.Close()
	dir, err := os.MkdirTemp("", "journal")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	cat, err := catalog.Load()
	if err != nil {
		fmt.Println(err)
		return
	}
	journal, err := change.OpenJournal(dir, cat, change.JournalOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer journal.Close()
	ctx, caller := context.Background(), newCaller(org.URL, org.Token)

	// One user of each of three statuses, as a SELECT would give them.
	one := map[string]json.RawMessage{}
	for u := range org.Users() {
		var row struct{ Status string }
		if json.Unmarshal(u, &row); one[row.Status] == nil {
			one[row.Status] = json.RawMessage(string(u))
		}
	}
	var asks []change.Ask
	for _, from := range []string{"ACTIVE", "SUSPENDED", "STAGED"} {
		asks = append(asks, change.Ask{Org: "sandbox", Object: one[from], Read: time.Now(), Index: true, Status: "SUSPENDED"})
	}
	planner := &change.Planner{Resource: cat.Lookup("okta.user.users"), Statement: "UPDATE okta.user.users SET status = 'SUSPENDED' WHERE …"}
	plan, err := planner.Update(asks)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, r := range plan.Rows {
		for _, op := range r.Steps {
			fmt.Println(op.Method.Name, op.From, "to", op.To, "undone by", op.Undo)
		}
		if len(r.Steps) == 0 {
			fmt.Printf("nothing is done for who is %s, refused: %q\n", r.Before.Status, r.Refused)
		}
	}

	apply := func(info change.RunInfo, plan *change.Plan) string {
		run, err := journal.Begin(info)
		if err != nil {
			fmt.Println(err)
			return ""
		}
		defer run.Close()
		report, err := run.Apply(ctx, plan, caller, change.ApplyOptions{})
		if err != nil {
			fmt.Println(err)
			return ""
		}
		for _, out := range report.Outcomes {
			fmt.Println(out.Result, out.Status)
		}
		return run.ID
	}
	id := apply(change.RunInfo{Actor: "dana"}, plan)
	undo, err := journal.Undo(ctx, id, caller, change.UndoOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	apply(change.RunInfo{Actor: "dana", Undoes: id}, undo[0])
	// Output:
	// suspend ACTIVE to SUSPENDED undone by unsuspend
	// nothing is done for who is SUSPENDED, refused: ""
	// nothing is done for who is STAGED, refused: "is STAGED, and SET status leads to SUSPENDED only from ACTIVE, PASSWORD_EXPIRED, PROVISIONED"
	// done SUSPENDED
	// unchanged SUSPENDED
	// refused STAGED
	// done ACTIVE
}
