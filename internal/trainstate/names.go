package trainstate

// The files that a training adds to a checkpoint's directory.
const (
	StateFile     = "trainer_state.json"
	OptimizerFile = "optimizer.safetensors"
)

// Names of the tensors in OptimizerFile: a prefix and the parameter's name. Master weights are there where the
// checkpoint's weights are narrower than those that are trained.
const (
	FirstMoment  = "exp_avg."
	SecondMoment = "exp_avg_sq."
	MasterWeight = "master."
	// Handed are writers as they were at the growth, while they are handed over to copies of their block; HandedLayers
	// says which layers to which.
	Handed       = "handed."
	HandedLayers = "handed_layers"
)
