// Package trainstate holds what a training is made of beside its weights: its settings, how far it has come, and the
// names under which a checkpoint keeps both. It reads and writes trainer_state.json and runs nothing, so that whoever
// grows, shows or plans trainings needs no trainer.
//
// The words:
//
//   - settings: what the user chose for a training. Names of settings are those of the file and of the command line.
//   - step: one update of a training, counted from 1.
//   - update: one step of AdamW since its moments were zero. A training that took over the optimizer state of another
//     counts its steps anew, and the updates go on.
//   - moments: AdamW's two running averages of each weight's gradient (exp_avg, exp_avg_sq).
//   - growth: a training's model was made larger together with its moments.
package trainstate
