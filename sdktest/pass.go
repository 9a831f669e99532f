package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/okta/okta-sdk-golang/v6/okta"
	"github.com/whoql/whoql/oktatest"
)

// A pass is one run over the checks: the org, the SDK's client of it, and what came of the checks so
// far. Not for concurrent use.
type pass struct {
	ctx            context.Context
	out            io.Writer
	org            *oktatest.Server
	sdk            *okta.APIClient
	passed, failed int
	people         int // made so far
}

// crowd is the number of generated users: more than two full pages, so that lists have to be paged, and
// users of all eight statuses.
const crowd = 450

func newPass(ctx context.Context, out io.Writer) (*pass, error) {
	org, err := oktatest.Serve(oktatest.Options{Users: crowd, Owner: true})
	if err != nil {
		return nil, err
	}
	p := &pass{ctx: ctx, out: out, org: org}
	p.sdk, err = client(org, nil)
	if err != nil {
		org.Close()
		return nil, err
	}
	return p, nil
}

// direct is a transport without proxies, whatever the environment says: the orgs are on this machine.
var direct = &http.Transport{}

// client returns a client of the SDK for an org. More settings go on top of the usual ones: no cache, so
// that every answer is the org's, and errors 429 aren't retried.
func client(org *oktatest.Server, transport http.RoundTripper, more ...okta.ConfigSetter) (*okta.APIClient, error) {
	if transport == nil {
		transport = direct
	}
	settings := append([]okta.ConfigSetter{
		okta.WithOrgUrl(org.URL),
		okta.WithTestingDisableHttpsCheck(true),
		okta.WithAuthorizationMode("SSWS"),
		okta.WithToken(org.Token),
		okta.WithCache(false),
		okta.WithProxyHost(""),
		okta.WithDebug(false),
		okta.WithHttpClientPtr(&http.Client{Transport: transport}),
		okta.WithRequestTimeout(30),
		okta.WithRateLimitMaxRetries(0),
		okta.WithRateLimitMaxBackOff(30),
	}, more...)
	cfg, err := okta.NewConfiguration(settings...)
	if err != nil {
		return nil, err
	}
	address, err := url.Parse(org.URL)
	if err != nil {
		return nil, err
	}
	cfg.Host = address.Host // the SDK drops the port
	return okta.NewAPIClient(cfg), nil
}

// must ends the part of the checks if there is no client.
func (p *pass) must(c *okta.APIClient, err error) *okta.APIClient {
	if err != nil {
		panic(err)
	}
	return c
}

// The password, question and answer of everybody who is made here and has them.
const (
	secret      = "Tr4velling-light"
	otherSecret = "Sl0w-boats-home"
	question    = "Favourite tea?"
	answer      = "Oolong"
)

// login makes up a login that nobody has.
func (p *pass) login() string {
	p.people++
	return fmt.Sprintf("guest%04d@sdk.example", p.people)
}

// person is a profile with the four attributes that a user must have.
func (p *pass) person() okta.UserProfile {
	login := p.login()
	return okta.UserProfile{Login: &login, Email: &login, FirstName: text("Dana"), LastName: text("Reyes")}
}

// text is a value for the SDK's attributes that can be null.
func text(s string) okta.NullableString { return *okta.NewNullableString(&s) }

// null is null for those attributes, which isn't the same as leaving them out.
func null() okta.NullableString { return *okta.NewNullableString(nil) }

// password is what a request says of a password.
func password(s string) *okta.PasswordCredential { return &okta.PasswordCredential{Value: &s} }

// keys are credentials with a password, and with the recovery question unless bare.
func keys(bare bool) *okta.UserCredentialsWritable {
	c := &okta.UserCredentialsWritable{Password: password(secret)}
	if !bare {
		c.RecoveryQuestion = recovery(question, answer)
	}
	return c
}

func recovery(question, answer string) *okta.RecoveryQuestionCredential {
	return &okta.RecoveryQuestionCredential{Question: &question, Answer: &answer}
}

// make creates a user for checks of something else; one that can't be created ends the part.
func (p *pass) make(activate bool, c *okta.UserCredentialsWritable) *okta.User {
	body := okta.CreateUserRequest{Profile: p.person(), Credentials: c}
	u, _, err := p.sdk.UserAPI.CreateUser(p.ctx).Body(body).Activate(activate).Execute()
	if err != nil {
		panic(fmt.Sprintf("a user can't be created: %v", result(nil, err)))
	}
	return u
}

// active is a user with a password and a recovery question.
func (p *pass) active() *okta.User { return p.make(true, keys(false)) }

// read gets a user who must be there.
func (p *pass) read(id string) (*okta.UserGetSingleton, *okta.APIResponse) {
	u, resp, err := p.sdk.UserAPI.GetUser(p.ctx, id).Execute()
	if err != nil {
		panic(fmt.Sprintf("user %s can't be read: %v", id, result(resp, err)))
	}
	return u, resp
}

// status is the status of a user, "gone" if there is no such user.
func (p *pass) status(id string) string {
	u, resp, err := p.sdk.UserAPI.GetUser(p.ctx, id).Execute()
	if o := result(resp, err); o.status == http.StatusNotFound {
		return "gone"
	} else if err != nil {
		return o.String()
	}
	return u.GetStatus()
}

// A standing is a way to be: a status, told apart by the password where that matters.
type standing struct {
	name string
	make func(*pass) string // makes such a user and returns the id
}

// standings are the columns of the tables of operations by status.
var standings = []standing{
	{"STAGED", func(p *pass) string { return p.make(false, nil).GetId() }},
	{"STAGED (with a password)", func(p *pass) string { return p.make(false, keys(false)).GetId() }},
	{"PROVISIONED", func(p *pass) string { return p.make(true, nil).GetId() }},
	{"ACTIVE", func(p *pass) string { return p.active().GetId() }},
	{"RECOVERY", func(p *pass) string {
		return p.led(func(id string) (*okta.APIResponse, error) {
			_, resp, err := p.sdk.UserCredAPI.ResetPassword(p.ctx, id).SendEmail(false).Execute()
			return resp, err
		})
	}},
	{"PASSWORD_EXPIRED", func(p *pass) string {
		return p.led(func(id string) (*okta.APIResponse, error) {
			_, resp, err := p.sdk.UserCredAPI.ExpirePassword(p.ctx, id).Execute()
			return resp, err
		})
	}},
	{"LOCKED_OUT", func(p *pass) string {
		return p.led(func(id string) (*okta.APIResponse, error) { return nil, p.org.LockOut(id) })
	}},
	{"SUSPENDED", func(p *pass) string {
		return p.led(func(id string) (*okta.APIResponse, error) {
			return p.sdk.UserLifecycleAPI.SuspendUser(p.ctx, id).Execute()
		})
	}},
	{"DEPROVISIONED", func(p *pass) string {
		return p.led(func(id string) (*okta.APIResponse, error) {
			return p.sdk.UserLifecycleAPI.DeactivateUser(p.ctx, id).Execute()
		})
	}},
}

// led makes an active user and leads it on.
func (p *pass) led(on func(id string) (*okta.APIResponse, error)) string {
	id := p.active().GetId()
	if resp, err := on(id); err != nil {
		panic(fmt.Sprintf("an active user can't be led on: %v", result(resp, err)))
	}
	return id
}

// stand makes a user of this standing.
func (p *pass) stand(name string) string {
	for _, s := range standings {
		if s.name == name {
			return s.make(p)
		}
	}
	panic("no standing is named " + name)
}

// statusOf is the status of a standing.
func (s standing) statusOf() string { status, _, _ := strings.Cut(s.name, " "); return status }
