package checklist

// What becomes of a rule that is not simply kept.
const (
	otherwise  = "deviation"   // something else is done on purpose
	notOffered = "not offered" // the rule is about what this server does not have
)

// exception is a rule that is deliberately not kept as it stands, and why. Tests
// may prove what is done instead, by a line with the rule's id.
type exception struct {
	id, source, section, level, text string
	kind, reason                     string
}

var apart = []exception{
	{"R012", "RFC 6749", "3.1", "MUST", "an authorization endpoint with a query of its own keeps it", notOffered,
		"the endpoint's address is the issuer and a fixed path; an issuer with a query is refused at start"},
	{"R056", "RFC 6749", "5.1", "MUST", "a client of ours skips members of a token answer that it does not know", notOffered,
		"nothing in Sluice asks a token endpoint for tokens: module and gateway check those that callers bring"},
	{"R083", "RFC 6750", "2.3", "SHOULD", "answers to tokens in the query are marked private", notOffered,
		"tokens in the query are never taken, and nothing switches them on"},
}

// notYet are rules that nothing settles yet.
var notYet = []string{
	"R006", "R048", "R078", "R079", "R080", "R081", "R082", "R084", "R085", "R086", "R087", "R088", "R089", "R090",
	"R091", "R092", "R093", "R094", "R095", "R096", "R097", "R098", "R099", "R100", "R101", "R102", "R103", "R104",
	"R105", "R106", "R107", "R108", "R109", "R110", "R111", "R112", "R113", "R114", "R115", "R116", "R117", "R118",
	"R119", "R120", "R121", "R122", "R123", "R124", "R125", "R126", "R127", "R128", "R129", "R130", "R131", "R132",
	"R133", "R134", "R135", "R136", "R137", "R138", "R139", "R140", "R141", "R142", "R143", "R144", "R145", "R146",
	"R147", "R148", "R149", "R150", "R151", "R152", "R153", "R154", "R155", "R156", "R157", "R158", "R159", "R160",
	"R161", "R162", "R163", "R164", "R165", "R166", "R167", "R168", "R169", "R170", "R171", "R172", "R173", "R174",
	"R175", "R176", "R177", "R178", "R179", "R180", "R181", "R182", "R183", "R184", "R185", "R186", "R187", "R188",
	"R189", "R190", "R191", "R192", "R193", "R194", "R195", "R196", "R197", "R198", "R199", "R200", "R201", "R202",
	"R203", "R204", "R205", "R206", "R207", "R208", "R209", "R210", "R211", "R212", "R213", "R214", "R215", "R216",
	"R217", "R218", "R219", "R220", "R221", "R222", "R223", "R224", "R225", "R226", "R227", "R228", "R229", "R230",
	"R231", "R232", "R233", "R234", "R235", "R236", "R237", "R238", "R239", "R240", "R241", "R242", "R243", "R244",
	"R245", "R246", "R247", "R249", "R250", "R251", "R252", "R253", "R254", "R255", "R256", "R257", "R258", "R259",
	"R260", "R261", "R262", "R263", "R264", "R265", "R266", "R267", "R268",
}
