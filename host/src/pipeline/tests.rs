//! The pipeline against scripted sources and sinks, a real store in memory, and a clock that stands still.

mod contract;
mod promises;
mod pushes;
mod rig;
mod runs;
mod ticks;
