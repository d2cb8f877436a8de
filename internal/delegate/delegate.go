package delegate

import (
	"context"
	"fmt"
	"net/http"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/fault"
	"github.com/sluicehq/sluice/internal/juel"
)

// Config says where calls and mails go.
type Config struct {
	Calls Calls
	Mail  Mail
	// Users answers questions about people; nil: there are none.
	Users Users
	// Directory answers those about groups; nil: there are none.
	Directory Directory
}

// Fetcher reads from services that forms name, by the rules of REST calls.
type Fetcher struct{ *caller }

// NewFetcher returns a reader. The error tells what is wrong with the configuration.
func NewFetcher(c Calls) (*Fetcher, error) {
	calls, err := newCaller(c)
	return &Fetcher{calls}, err
}

// Get returns the body of what an address answers with success. Errors: Invalid when it may
// not be called, Unavailable when it cannot be reached or gives no such answer in time and
// size.
func (f *Fetcher) Get(ctx context.Context, address string) ([]byte, error) {
	r := request{Method: http.MethodGet, URL: address, Headers: [][2]string{{"Accept", "application/json"}}}
	if _, err := f.prepared(r); err != nil {
		return nil, fault.New(fault.Invalid, "The service of the form's field cannot be called: %s.", err)
	}
	a, err := f.send(ctx, "", &r)
	if err == nil && (a.Status < 200 || a.Status > 299) {
		err = a.failed()
	}
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "The service of the form's field cannot be asked now.")
	}
	return a.Body, nil
}

// Defaults returns the delegates and beans that APS's, Activiti's and Flowable's processes
// know, by name. The error tells what is wrong with the configuration.
func Defaults(cfg Config) (map[string]engine.Delegate, map[string]juel.Object, error) {
	calls, err := newCaller(cfg.Calls)
	if err != nil {
		return nil, nil, fmt.Errorf("REST calls: %w", err)
	}
	mails, err := newMailTask(cfg.Mail)
	if err != nil {
		return nil, nil, fmt.Errorf("mails: %w", err)
	}
	delegates := map[string]engine.Delegate{
		"activiti_restCallDelegate": restCall{calls},
		"type:http":                 httpTask{calls},
		"type:mail":                 mails,
		"com.activiti.runtime.activiti.ContentProcessorExecutionListener": engine.DelegateFunc(contentListener),
	}
	beans := map[string]juel.Object{
		"activiti_flowConditionsBean": flowConditions{},
		"userInfoBean":                userInfo{users: cfg.Users, directory: cfg.Directory},
		"emailBean":                   userEmail{users: cfg.Users},
		"userService":                 people{users: cfg.Users, directory: cfg.Directory, service: "userService"},
		"groupServiceImpl":            people{users: cfg.Users, directory: cfg.Directory, service: "groupServiceImpl"},
	}
	return delegates, beans, nil
}
