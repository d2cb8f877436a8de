package delegate

import (
	"fmt"

	"github.com/sluicehq/sluice/internal/engine"
	"github.com/sluicehq/sluice/internal/juel"
)

// Config says where calls and mails go.
type Config struct {
	Calls Calls
	Mail  Mail
	// Users answers questions about people; nil: there are none.
	Users Users
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
	}
	beans := map[string]juel.Object{
		"activiti_flowConditionsBean": flowConditions{},
		"userInfoBean":                userInfo{cfg.Users},
		"emailBean":                   userEmail{cfg.Users},
	}
	return delegates, beans, nil
}
