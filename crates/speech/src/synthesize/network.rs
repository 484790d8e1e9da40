//! Runs small neural networks in pure Rust, each call on one thread of its own, so that prompts are spoken side by side.

use std::{fmt, path::Path, sync::Arc};

use rten::{Model, ModelOptions, RunOptions, ThreadPool, Value, ValueOrView};

use crate::SpeechError;

/// A loaded network.
pub(super) struct Network(Model);

impl Network {
    /// Loads a network, its weights laid out for fast use.
    pub(super) fn load(path: &Path) -> Result<Self, SpeechError> {
        let model = ModelOptions::with_all_ops().prepack_weights(true).load_file(path);
        model.map(Self).map_err(failed)
    }

    /// The outputs named, in their order.
    pub(super) fn run<const N: usize>(
        &self,
        inputs: impl IntoIterator<Item = (&'static str, ValueOrView<'static>)>,
        outputs: [&'static str; N],
    ) -> Result<[Value; N], SpeechError> {
        let inputs = inputs
            .into_iter()
            .map(|(name, value)| Ok((self.0.node_id(name).map_err(failed)?, value)))
            .collect::<Result<Vec<_>, SpeechError>>()?;
        let mut nodes = [inputs.first().map(|(node, _)| *node).ok_or_else(|| failed("no input"))?; N];
        for (node, name) in nodes.iter_mut().zip(outputs) {
            *node = self.0.node_id(name).map_err(failed)?;
        }
        let mut options = RunOptions::default();
        options.thread_pool = Some(Arc::new(ThreadPool::with_num_threads(1)));
        self.0.run_n(inputs, nodes, Some(options)).map_err(failed)
    }
}

/// Wraps whatever the engine complains of.
pub(super) fn failed(error: impl fmt::Display) -> SpeechError {
    SpeechError::Engine(format!("a voice's network failed: {error}"))
}
