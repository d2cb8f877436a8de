package api

import (
	"strings"

	"github.com/sluicehq/sluice/internal/engine"
)

// registerDrawings adds processes and instances as clients draw them themselves.
func (a *API) registerDrawings() {
	a.process("GET /app/rest/process-definitions/{processDefinitionId}/model-json", a.definitionDrawing).about(nil, drawing{})
	a.process("GET /app/rest/process-instances/{processInstanceId}/model-json", a.instanceDrawing).about(nil, drawing{})
}

// drawing is what APS's process viewer draws from.
type drawing struct {
	Elements []drawnElement `json:"elements"`
	Flows    []drawnFlow    `json:"flows"`
	Pools    []drawnPool    `json:"pools"`
	X        float64        `json:"diagramBeginX"`
	Y        float64        `json:"diagramBeginY"`
	Width    float64        `json:"diagramWidth"`
	Height   float64        `json:"diagramHeight"`
	// Of an instance: ids.
	Completed      []string `json:"completedActivities,omitempty"`
	Current        []string `json:"currentActivities,omitempty"`
	CompletedFlows []string `json:"completedSequenceFlows,omitempty"`
}

type drawnElement struct {
	ID         string          `json:"id"`
	Name       *string         `json:"name"`
	Type       string          `json:"type"`
	TaskType   string          `json:"taskType,omitempty"`
	Event      *drawnEvent     `json:"eventDefinition,omitempty"`
	X          float64         `json:"x"`
	Y          float64         `json:"y"`
	Width      float64         `json:"width"`
	Height     float64         `json:"height"`
	Incoming   []string        `json:"incomingFlows"`
	Properties []drawnProperty `json:"properties"`
	Completed  bool            `json:"completed,omitempty"`
	Current    bool            `json:"current,omitempty"`
	Failed     bool            `json:"failed,omitempty"` // APS does not tell it
}

type drawnEvent struct {
	Type string `json:"type"`
	Ref  string `json:"ref,omitempty"`
}

type drawnProperty struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type drawnFlow struct {
	ID         string          `json:"id"`
	Name       *string         `json:"name"`
	Type       string          `json:"type"`
	From       string          `json:"sourceRef"`
	To         string          `json:"targetRef"`
	Points     []drawnPoint    `json:"waypoints"`
	Properties []drawnProperty `json:"properties"`
	Completed  bool            `json:"completed,omitempty"`
}

type drawnPoint struct {
	X float64 `json:"x"`
	Y float64 `json:"y"`
}

type drawnPool struct {
	ID     string      `json:"id"`
	Name   *string     `json:"name"`
	X      float64     `json:"x"`
	Y      float64     `json:"y"`
	Width  float64     `json:"width"`
	Height float64     `json:"height"`
	Lanes  []drawnPool `json:"lanes,omitempty"`
}

func (a *API) definitionDrawing(v *visit) (any, error) {
	d, err := a.cfg.Engine.DefinitionDrawing(v.Context(), v.actor, v.PathValue("processDefinitionId"))
	if err != nil {
		return nil, err
	}
	return newDrawing(d), nil
}

func (a *API) instanceDrawing(v *visit) (any, error) {
	d, err := a.cfg.Engine.InstanceDrawing(v.Context(), v.actor, v.PathValue("processInstanceId"))
	if err != nil {
		return nil, err
	}
	return newDrawing(d), nil
}

func newDrawing(d *engine.Drawing) drawing {
	b := d.Bounds
	shown := drawing{Elements: []drawnElement{}, Flows: []drawnFlow{}, Pools: drawnPools(d.Pools), X: b.X, Y: b.Y, Width: b.X + b.Width, Height: b.Y + b.Height}
	for i := range d.Elements {
		one := newDrawnElement(&d.Elements[i])
		shown.Elements = append(shown.Elements, one)
		if one.Completed {
			shown.Completed = append(shown.Completed, one.ID)
		}
		if one.Current {
			shown.Current = append(shown.Current, one.ID)
		}
	}
	for _, f := range d.Flows {
		one := drawnFlow{ID: f.ID, Name: orNil(f.Name), Type: "sequenceFlow", From: f.From, To: f.To, Points: []drawnPoint{}, Properties: []drawnProperty{}, Completed: f.Done}
		for _, p := range f.Points {
			one.Points = append(one.Points, drawnPoint(p))
		}
		if f.Condition != "" {
			one.Properties = append(one.Properties, drawnProperty{"Condition expression", f.Condition})
		}
		shown.Flows = append(shown.Flows, one)
		if f.Done {
			shown.CompletedFlows = append(shown.CompletedFlows, f.ID)
		}
	}
	return shown
}

// newDrawnElement is an element under the name of its class in Activiti: UserTask for a
// userTask. What is done and what is active is never both, as its viewer colours it.
func newDrawnElement(e *engine.DrawnElement) drawnElement {
	one := drawnElement{ID: e.ID, Name: orNil(e.Name), Type: strings.ToUpper(e.Type[:min(1, len(e.Type))]) + e.Type[min(1, len(e.Type)):], TaskType: e.Task, X: e.Bounds.X, Y: e.Bounds.Y,
		Width: e.Bounds.Width, Height: e.Bounds.Height, Incoming: append([]string{}, e.Incoming...), Properties: []drawnProperty{}, Completed: e.Done && !e.Now, Current: e.Now, Failed: e.Dead}
	if e.Event != "" {
		one.Event = &drawnEvent{e.Event, e.EventRef}
	}
	for _, p := range e.Properties {
		one.Properties = append(one.Properties, drawnProperty(p))
	}
	return one
}

func drawnPools(pools []engine.DrawnPool) []drawnPool {
	list := []drawnPool{}
	for _, p := range pools {
		list = append(list, drawnPool{p.ID, orNil(p.Name), p.Bounds.X, p.Bounds.Y, p.Bounds.Width, p.Bounds.Height, drawnPools(p.Lanes)})
	}
	return list
}
