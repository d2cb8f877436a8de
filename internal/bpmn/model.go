package bpmn

import (
	"sync"

	"github.com/sluicehq/sluice/internal/juel"
	"github.com/sluicehq/sluice/internal/schedule"
)

// Document is what one BPMN file holds.
type Document struct {
	Namespace string // targetNamespace; the category of its definitions
	Exporter  string
	Name      string     // what Parse was given, for messages: a file's name
	Processes []*Process // in the order of the file, executable or not
	Problems  []Problem  // warnings only, when Parse gave no error
}

// Process is one process of a document, compiled.
type Process struct {
	ID            string
	Name          string
	Documentation string
	Executable    bool
	Namespace     string

	CandidateStarterUsers  []string
	CandidateStarterGroups []string

	Root    *Node            // the process as the outermost scope; Kind is ProcessRoot
	Nodes   map[string]*Node // every node at any depth, Root excepted, by id
	Order   []*Node          // the same in the order of the file; Node.Index points here
	Flows   map[string]*Flow
	Lanes   []Lane
	Data    []DataObject // dataObjects of the process itself; the same as Root.Data
	Diagram *Diagram     // nil when the document has no coordinates

	// Modeler holds the texts of modeler: extension elements of the process, by local name.
	Modeler    map[string]string
	Extensions []Extension
}

// Extension is a modeler: element, or a camunda:property, as it stands in
// extensionElements.
type Extension struct {
	Name       string            // local name; of a property "property"
	Attributes map[string]string // by local name
	Text       string
	Children   []Extension
}

// Kind says what a node is.
type Kind int

// The kinds of nodes. The definition of an event (timer, message …) is Node.Event.
const (
	ProcessRoot Kind = iota
	StartEvent
	EndEvent
	CatchEvent // intermediateCatchEvent
	ThrowEvent // intermediateThrowEvent
	BoundaryEvent
	UserTask
	ServiceTask // also sendTask, which behaves alike
	ScriptTask
	ReceiveTask
	ManualTask // also the untyped task: passes at once
	BusinessRuleTask
	CallActivity
	SubProcess
	EventSubProcess
	Transaction
	AdHocSubProcess
	ExclusiveGateway
	ParallelGateway
	InclusiveGateway
	EventGateway
	ComplexGateway
)

// Node is a flow node, or a process as a whole.
type Node struct {
	ID            string
	Name          string
	Documentation string
	Kind          Kind
	Type          string // what history shows: "userTask"; Activiti's words where they differ from the XML, see typeNames
	Index         int    // position in Process.Order; -1 for Root
	Line, Column  int

	Process *Process
	Scope   *Node // the (sub-)process it stands in; nil for Root
	In, Out []*Flow
	Default *Flow // exclusive, inclusive, complex gateways and activities

	// Scopes have these (ProcessRoot, SubProcess, EventSubProcess, Transaction, AdHocSubProcess).
	Children []*Node      // direct nodes in the order of the file, event sub-processes excepted
	Starts   []*Node      // direct start events
	Events   []*Node      // direct event sub-processes
	Data     []DataObject // direct data objects: variables with a value at entry

	// Activities have these.
	Boundary        []*Node // boundary events attached to it, in the order of the file
	Loop            *Loop   // nil: once
	Compensation    *Node   // what undoes it: the handler that its compensation boundary event is associated with
	ForCompensation bool    // it runs as such a handler alone

	// Boundary events and starts of event sub-processes have these. AttachedTo is the
	// activity of a boundary event, and for such a start the scope in which the event
	// sub-process stands: what an interrupting event ends.
	AttachedTo   *Node
	Interrupting bool

	Event *Event // nil: a none event

	// Execution.
	AsyncBefore bool
	AsyncAfter  bool
	Exclusive   bool // of its jobs; default true
	Retry       *Text
	Skip        *juel.Expression // activiti:skipExpression
	Listeners   []Listener       // execution listeners

	// What the kind needs; the others are nil.
	User   *User
	Work   *Work // service, send, business rule tasks and message throw/end events with an implementation
	Script *Script
	Call   *Call
	Rules  *Rules
	Form   *Form  // user tasks and start events
	Start  *Start // start events
	AdHoc  *AdHoc

	// ActivationCondition of a complex gateway.
	Activation *juel.Expression

	// Modeler holds the texts of modeler: extension elements and the values of their
	// attributes by local name, of several the first. Extensions holds all of them
	// whole, and camunda:property.
	Modeler    map[string]string
	Extensions []Extension

	jumps    []*Node  // the throwing links that lead to this catching one
	upstream upstream // who can reach this node; see Process.Reaches
}

// upstream is computed when it is first asked for.
type upstream struct {
	once sync.Once
	set  []uint64 // a bit for each Node.Index
}

// Flow is a sequence flow.
type Flow struct {
	ID, Name  string
	From, To  *Node
	Condition *Condition // nil: always
	Skip      *juel.Expression
	Listeners []Listener
	Line      int
	Index     int // position among the flows of the process, in the order of the file

	Modeler    map[string]string // as Node.Modeler
	Extensions []Extension
}

// Condition decides whether a flow is taken: an expression, or a script when
// Script is not nil.
type Condition struct {
	Expression *juel.Expression
	Script     *Script
}

// Text is an attribute that may hold an expression, as nearly all of them may.
type Text = juel.Expression

// EventKind says what an event waits for or throws.
type EventKind int

// The kinds of event definitions.
const (
	NoneEvent EventKind = iota
	TimerEvent
	MessageEvent
	SignalEvent
	ErrorEvent
	EscalationEvent
	CompensationEvent
	CancelEvent
	ConditionalEvent
	LinkEvent
	TerminateEvent
)

// Event is an event definition with its references resolved.
type Event struct {
	Kind EventKind

	// Timer: exactly one of the three. A text without ${} is checked when the
	// document is parsed.
	Date, Duration, Cycle *juel.Expression
	Timer                 *schedule.Timer  // when the text is literal
	EndDate               *juel.Expression // activiti:endDate of a cycle
	Calendar              *juel.Expression // activiti:businessCalendarName

	// Message, signal, escalation, error, link: by name. Code is the error's or
	// escalation's code; "" catches all.
	Name                          *juel.Expression
	Ref                           string // the referenced element's id
	Code                          string
	CodeVariable, MessageVariable string           // activiti:errorVariableName and the like; may be empty
	GlobalScope                   bool             // signals: false for activiti:scope="processInstance"
	Async                         bool             // throwing signals
	Condition                     *juel.Expression // conditional
	ConditionVariable             string           // camunda:variableName: the variable whose change asks again
	Activity                      string           // compensation: activityRef
	Wait                          bool             // compensation: waitForCompletion, default true
	Target                        *Node            // links: where a throwing link goes on
	TerminateAll                  bool
	TerminateMultiInstance        bool
	In, Out                       []Mapping // signal and message payloads where an extension gives them
}

// Loop is multiInstanceLoopCharacteristics or standardLoopCharacteristics.
type Loop struct {
	Standard       bool // a standard loop: Condition, Maximum, TestBefore
	Sequential     bool
	Cardinality    *juel.Expression
	Collection     *juel.Expression // an expression or the name of a variable
	CollectionName string           // when the collection is a plain variable's name
	Element        string           // elementVariable
	ElementIndex   string           // elementIndexVariable; "" means loopCounter
	Completion     *juel.Expression // completionCondition
	Condition      *juel.Expression
	Maximum        *juel.Expression
	TestBefore     bool
}

// User is what a user task adds.
type User struct {
	Assignee, Owner                 *juel.Expression
	CandidateUsers, CandidateGroups []*juel.Expression
	Links                           []Link // activiti:customResource
	DueDate                         *juel.Expression
	Priority                        *juel.Expression
	Name, Description               *juel.Expression // the task's texts; plain text when they are no expressions
	FollowUpDate                    *juel.Expression // camunda:followUpDate
	Category                        *juel.Expression
	BusinessCalendar                *juel.Expression
	Listeners                       []Listener // task listeners
}

// Link is a custom identity link of a user task.
type Link struct {
	Type          string
	Users, Groups []*juel.Expression
}

// Work is what runs at a service task: exactly one of Expression,
// DelegateExpression, Class and Type is set.
type Work struct {
	Class              string
	Expression         *juel.Expression
	DelegateExpression *juel.Expression
	Type               string // "mail", "http", "camel" …
	ResultVariable     string
	UseLocalScope      bool // the result is a local variable
	Triggerable        bool // waits for a signal after it ran
	Fields             []Field
	Exceptions         []ExceptionMapping // activiti:mapException
	ExtensionID        string             // APS: activiti:extensionId
	Options            map[string]string  // further attributes of the vendor namespaces by local name
}

// Field is an injected field: text or expression.
type Field struct {
	Name string
	// Value is never nil. Of a text that is no expression it is an empty one.
	Value *juel.Expression
	// Text reports that the value was given as text, so that ${} in it is not evaluated:
	// it is String.
	Text   bool
	String string // as it was written
}

// ExceptionMapping maps a delegate's exception to a BPMN error.
type ExceptionMapping struct {
	Exception, Code string
	IncludeChildren bool
}

// Script is a script and its language.
type Script struct {
	Language           string
	Source             string
	ResultVariable     string
	AutoStoreVariables bool
	Line               int
}

// Call is a call activity.
type Call struct {
	Element                   *juel.Expression // calledElement: the key
	TenantID                  *juel.Expression // camunda:calledElementTenantId
	ByID                      bool             // calledElementType="id"
	SameDeployment            bool
	BusinessKey               *juel.Expression
	InheritBusinessKey        bool
	InheritVariables          bool
	UseLocalScopeForOut       bool
	ProcessInstanceIDVariable string
	In, Out                   []Mapping
}

// Mapping copies a variable or an expression's value to a variable.
type Mapping struct {
	Source           string
	SourceExpression *juel.Expression
	Target           string
	TargetExpression *juel.Expression
	All              bool // camunda: variables="all"
}

// Rules is a business rule task.
type Rules struct {
	Input          []string // ruleVariablesInput
	Rules          []string
	Exclude        bool
	ResultVariable string
	DecisionKey    *juel.Expression // decisionTableReferenceKey, flowable:decision…, modeler data
	DecisionID     string           // APS: the decision table's model id
}

// Start is what a start event adds.
type Start struct {
	Initiator string // activiti:initiator: the variable that receives the starting user
}

// Form is the form of a user task or a start event.
type Form struct {
	Key        *juel.Expression // activiti:formKey; APS: the form's id
	Properties []FormProperty   // activiti:formProperty, camunda:formField
}

// FormProperty is one activiti:formProperty.
type FormProperty struct {
	ID, Name, Type, Variable string
	Expression               *juel.Expression
	Default                  *juel.Expression
	DatePattern              string
	Required                 bool
	Readable, Writable       bool        // default true
	Values                   []FormValue // of an enum
}

// FormValue is one value of an enum property.
type FormValue struct{ ID, Name string }

// AdHoc is what an ad-hoc sub-process adds.
type AdHoc struct {
	Sequential      bool
	CancelRemaining bool             // cancelRemainingInstances; default true
	Completion      *juel.Expression // completionCondition
}

// Listener is an execution or task listener; exactly one of Class, Expression,
// DelegateExpression and Script is set.
type Listener struct {
	Event              string // start, end, take; create, assignment, complete, delete, all
	Class              string
	Expression         *juel.Expression
	DelegateExpression *juel.Expression
	Script             *Script
	Fields             []Field

	// OnTransaction says when a listener runs that is bound to the transaction's end:
	// "before-commit", "committed" or "rolled-back"; "" is at once.
	OnTransaction string
}

// DataObject is a variable that a scope begins with.
type DataObject struct {
	ID, Name string
	Type     string // string, boolean, datetime, double, int, long
	Value    any    // string, bool, time.Time (UTC), float64, int64; nil when it has none
}

// Lane is a lane with the nodes in it.
type Lane struct {
	ID, Name string
	Parent   string // the lane around it; "" at the top
	Nodes    []string
}

// Diagram is the first BPMN diagram that shows the process.
type Diagram struct {
	Shapes []Shape
	Edges  []Edge
}

// Rect is a rectangle in the diagram's pixels.
type Rect struct{ X, Y, Width, Height float64 }

// Point is a point in the diagram's pixels.
type Point struct{ X, Y float64 }

// Shape is where an element is drawn.
type Shape struct {
	Element    string // the id of a node, lane, pool, data object or text annotation
	Type       string // the element's local XML name
	Name       string // its name or text
	Bounds     Rect
	Label      *Rect
	Expanded   bool
	Horizontal bool
}

// Edge is how a flow or an association is drawn.
type Edge struct {
	Element string
	Type    string
	Name    string
	Points  []Point
	Label   *Rect
}

// Problem is one thing that is wrong with a document.
type Problem struct {
	Name         string // as Activiti calls it: "activiti-seq-flow-invalid-src"
	Message      string
	Process      string // its id, when known
	Element      string // its id, when it has one
	Line, Column int
	Warning      bool // the document can be deployed
}
