package api

// registerSystem adds what tells about the server itself.
func (a *API) registerSystem() {
	a.handle("GET app-version", a.appVersion).about(nil, Version{})
	a.handle("GET system/properties", a.properties).about(nil, properties{})
	a.handle("GET system/properties/global-date-format/{tenantId}", a.dateFormat).about(nil, dateFormat{})
	a.handle("GET system/properties/password-validation-constraints/{tenantId}", a.passwordRule).about(nil, passwordRule{})
	a.handle("GET account/integration", a.noAccounts).about(nil, page[any]{})
	a.handle("GET profile/accounts/alfresco", a.noAccounts).about(nil, page[any]{})
}

func (a *API) appVersion(*call) (any, error) { return a.version, nil }

// properties is APS's SystemPropertiesRepresentation. Clients find the authorization
// server by its metadata and not here.
type properties struct {
	InvolveByEmail    bool `json:"allowInvolveByEmail"`
	NoFormScripts     bool `json:"disableJavaScriptEventsInFormEditor"`
	LogoutDisabled    bool `json:"logoutDisabled"`
	AuthConfiguration *any `json:"authConfiguration"`
}

func (a *API) properties(*call) (any, error) { return properties{NoFormScripts: true}, nil }

// dateFormat is APS's GlobalDateFormatRepresentation, in the letters of moment.js.
type dateFormat struct {
	Format string `json:"globalDateFormat"`
}

func (a *API) dateFormat(c *call) (any, error) {
	if _, err := a.pathTenant(c); err != nil {
		return nil, err
	}
	return dateFormat{"D-M-YYYY"}, nil
}

// passwordRule is APS's PasswordValidationConstraints: what a new password is held
// against before it is sent. The server allows 1 to 1000 bytes.
type passwordRule struct {
	MinLength int    `json:"minLength"`
	Pattern   string `json:"regularExpression"`
	Message   string `json:"passwordCriteriaMessage"`
}

func (a *API) passwordRule(c *call) (any, error) {
	if _, err := a.pathTenant(c); err != nil {
		return nil, err
	}
	return passwordRule{1, "^.{1,1000}$", "A password has 1 to 1000 bytes."}, nil
}

// noAccounts lists the repositories and the accounts at them that are set up: none,
// since Sluice connects to no content service.
func (a *API) noAccounts(*call) (any, error) { return newPage[any](nil, 0, 0), nil }
