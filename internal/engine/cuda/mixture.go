//go:build linux && cgo

package cuda

import "famkit/internal/engine"

func (e *Engine) route(o *engine.Route) *routeArgs {
	e.args.route = routeArgs{logits: is(o.Logits, engine.F32), p: is(o.P, engine.F32), weight: is(o.Weight, engine.F32),
		chosen: is(o.Chosen, engine.I32),
		place:  is(o.Place, engine.I32), source: is(o.Source, engine.I32), starts: is(o.Starts, engine.I32),
		dweight: is(o.DWeight, engine.F32),
		dlogits: is(o.DLogits, e.spec.Act), rows: int32(o.Rows), experts: int32(o.Experts), topK: int32(o.TopK),
		normalise: flag(o.Normalise)}
	return &e.args.route
}

// Route chooses with a warp for each row; then a block for each expert counts its rows and gives them their places.
func (e *Engine) Route(o *engine.Route) {
	a := e.route(o)
	delete(e.starts, a.starts)
	overWarps(e, kRoute, o.Rows, a)
	launch(e, kRouteCount, o.Experts, 1, threads, a)
	launch(e, kRouteStarts, 1, 1, lanes, a)
	launch(e, kRoutePlace, o.Experts, 1, threads, a)
}

// RouteGrad has a warp for each row.
func (e *Engine) RouteGrad(o *engine.Route) { overWarps(e, kRouteGrad, o.Rows, e.route(o)) }

func (e *Engine) combine(o *engine.Combine) *combineArgs {
	act := e.spec.Act
	e.args.combine = combineArgs{x: is(o.X, act), weight: is(o.Weight, engine.F32), place: is(o.Place, engine.I32),
		y: is(o.Y, act), add: is(o.Add, act),
		dx: is(o.DX, act), dy: is(o.DY, act), dweight: is(o.DWeight, engine.F32), rows: int32(o.Rows), topK: int32(o.TopK),
		dim: int32(o.Dim)}
	return &e.args.combine
}

// Combine has a thread for each element.
func (e *Engine) Combine(o *engine.Combine) { overRows(e, kCombine, o.Rows, o.Dim, e.combine(o)) }

// CombineGrad has a warp for each place.
func (e *Engine) CombineGrad(o *engine.Combine) {
	overWarps(e, kCombineGrad, o.Rows*o.TopK, e.combine(o))
}
