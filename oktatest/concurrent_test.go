package oktatest

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

const clients = 32

// atOnce runs f for each client, side by side.
func atOnce(f func(client int)) {
	var all sync.WaitGroup
	for client := range clients {
		all.Go(func() { f(client) })
	}
	all.Wait()
}

func TestClientsSideBySideLoseNoUpdate(t *testing.T) {
	o := newTestOrg(Options{Users: 100})
	u := create(t, o, "", profileOf("shared@acme.example"), withPassword)
	names := []string{"title", "city", "state", "division", "department", "manager", "organization", "nickName"}
	const rounds = 4
	var raised atomic.Int64
	atOnce(func(client int) {
		// Each has an attribute of somebody: nobody's change takes another's away.
		mine := fmt.Sprintf(`{"profile":{%q:"by %d"}}`, names[client%len(names)], client)
		generated := usersPath + "/" + o.store.gen.id(client/len(names))
		if res := post(o, generated, mine); res.status != 200 && !strings.Contains(res.body, "E0000038") && !strings.Contains(res.body, "E0000023") {
			t.Error(res.body)
		}
		// And all count the same number up, with If-Match to notice each other.
		for done := 0; done < rounds; {
			got := do(o, "GET", uriOf(u, ""), "")
			var now object
			if err := json.Unmarshal([]byte(got.body), &now); err != nil {
				t.Error(err)
				return
			}
			n, _ := strconv.Atoi(text(now, "employeeNumber"))
			res := post(o, uriOf(u, ""), fmt.Sprintf(`{"profile":{"employeeNumber":"%d"}}`, n+1), "If-Match", got.header.Get("ETag"))
			switch res.status {
			case 200:
				raised.Add(1)
				done++
			case 412:
			default:
				t.Error(res.body)
				return
			}
		}
		for _, path := range []string{usersPath + "?limit=50", usersURI("search", `profile.login sw "shared"`), usersURI("filter", `status eq "ACTIVE"`)} {
			if res := do(o, "GET", path, ""); res.status != 200 {
				t.Error(res.body)
			}
		}
	})
	if got := text(again(t, o, u), "employeeNumber"); raised.Load() != clients*rounds || got != strconv.Itoa(clients*rounds) {
		t.Errorf("counted to %s in %d steps", got, raised.Load())
	}
	for i := range clients / len(names) {
		one := decoded(t, do(o, "GET", usersPath+"/"+o.store.gen.id(i), ""))
		if one["status"] == "DEPROVISIONED" || credential(one, "provider").(object)["type"] == "ACTIVE_DIRECTORY" {
			continue
		}
		for _, name := range names {
			if !strings.HasPrefix(text(one, name), "by ") {
				t.Errorf("the change of %s of user %d is lost", name, i)
			}
		}
	}
}

func TestClientsSideBySideCreateEachLoginOnceAndDeleteItTwice(t *testing.T) {
	o := newTestOrg(Options{Users: 50})
	const logins = 40
	var created, removed [logins]atomic.Int64
	variants := []string{"dana%d@acme.example", "DANA%d@acme.example", "dána%d@acme.example", "Dana%d@ACME.example"}
	uri := func(n int) string { return usersPath + "/" + url.PathEscape(fmt.Sprintf(variants[0], n)) }
	atOnce(func(client int) {
		for n := range logins {
			login := fmt.Sprintf(variants[(client+n)%len(variants)], n)
			switch res := post(o, usersPath, `{"profile":`+profileOf(login)+`}`); {
			case res.status == 200:
				created[n].Add(1)
			case res.status != 400 || !strings.Contains(res.body, "already exists"):
				t.Error(res.body)
			}
			for _, verb := range []string{"suspend", "unsuspend", "reactivate"} {
				if res := post(o, uri(n)+"/lifecycle/"+verb, ""); res.status >= 500 || res.status == 404 {
					t.Error(res.body)
				}
			}
		}
	})
	seen := map[string]bool{}
	for _, u := range everybody(t, o) {
		for _, key := range []string{u["id"].(string), foldLogin(text(u, "login"))} {
			if seen[key] {
				t.Errorf("%s is there twice", key)
			}
			seen[key] = true
		}
	}
	atOnce(func(client int) {
		for n := range logins {
			switch res := do(o, "DELETE", uri(n), ""); res.status {
			case 204:
				removed[n].Add(1)
			case 404:
			default:
				t.Error(res.body)
			}
		}
	})
	for n := range logins {
		if created[n].Load() != 1 || removed[n].Load() != 2 {
			t.Errorf("login %d was created %d times and deleted in %d steps", n, created[n].Load(), removed[n].Load())
		}
	}
	if n := len(everybody(t, o)); n != 50 {
		t.Errorf("%d users, want the 50 of before", n)
	}
}
