//! What the builder was told, the environment says, and the machine has.

use std::{env, time::Duration};

use ringmesh_msg::ShardId;
use ringmesh_sys::cpu;

use crate::{Affinity, BuildError, BuildErrorKind, Idle};

/// How long an idle shard looks around: about what a wake of an idle CPU costs (16-24 us measured).
/// 50 us gave the same latencies and more CPU, 10 us parked too often.
const SPIN: Duration = Duration::from_micros(20);

/// The number of shards: told, else `RINGMESH_SHARDS`, else the machine's.
pub(crate) fn shards(told: Option<usize>) -> Result<usize, BuildError> {
    let count = match (told, env::var("RINGMESH_SHARDS")) {
        (Some(count), _) => count,
        (None, Ok(text)) => parse_shards(&text)?,
        (None, Err(_)) => cpu::parallelism(),
    };
    match count {
        0 => Err(BuildError::new(BuildErrorKind::ZeroShards)),
        1..=ShardId::COUNT_MAX => Ok(count),
        _ => Err(BuildError::config(format!(
            "{count} shards were asked for, a runtime has at most {}",
            ShardId::COUNT_MAX
        ))),
    }
}

fn parse_shards(text: &str) -> Result<usize, BuildError> {
    text.trim().parse().map_err(|_| {
        BuildError::config(format!(
            "RINGMESH_SHARDS is \"{text}\": write a number, at least 1"
        ))
    })
}

/// How long to spin: told, else `RINGMESH_IDLE`, else by the machine.
pub(crate) fn spin(told: Option<Idle>) -> Result<Duration, BuildError> {
    let idle = match (told, env::var("RINGMESH_IDLE")) {
        (Some(idle), _) => idle,
        (None, Ok(text)) => parse_idle(&text)?,
        (None, Err(_)) => Idle::Adaptive,
    };
    Ok(match idle {
        Idle::AlwaysPark => Duration::ZERO,
        Idle::SpinBound(bound) => bound,
        Idle::Adaptive if cpu::quota().is_some() => Duration::ZERO,
        Idle::Adaptive => SPIN,
    })
}

fn parse_idle(text: &str) -> Result<Idle, BuildError> {
    let micros = |text: &str| text.trim().parse().ok().map(Duration::from_micros);
    match text.trim() {
        "adaptive" => Some(Idle::Adaptive),
        "park" => Some(Idle::AlwaysPark),
        other => other
            .strip_prefix("spin:")
            .and_then(micros)
            .map(Idle::SpinBound),
    }
    .ok_or_else(|| {
        BuildError::config(format!(
            "RINGMESH_IDLE is \"{text}\": write adaptive, park, or spin: and microseconds (spin:50)"
        ))
    })
}

/// The CPU of each shard, if they are to be pinned.
pub(crate) fn cpus(affinity: &Affinity, shards: usize) -> Result<Option<Vec<usize>>, BuildError> {
    match affinity {
        Affinity::Off => Ok(None),
        Affinity::Cores(cpus) if cpus.len() >= shards => Ok(Some(cpus.clone())),
        Affinity::Cores(cpus) => Err(BuildError::config(format!(
            "Affinity::Cores names {} CPUs for {shards} shards: name one for each shard",
            cpus.len()
        ))),
        Affinity::Auto => {
            let cpus = cpu::available();
            let granted = cpu::quota().is_none_or(|quota| quota >= cpus.len() as f64);
            Ok((shards <= cpus.len() && granted).then_some(cpus))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_the_environment_are_read_or_refused_with_a_remedy() {
        assert_eq!(parse_shards(" 3 ").unwrap(), 3);
        assert!(
            parse_shards("many")
                .unwrap_err()
                .to_string()
                .contains("write a number")
        );
        assert_eq!(parse_idle("park").unwrap(), Idle::AlwaysPark);
        assert_eq!(
            parse_idle("spin:50").unwrap(),
            Idle::SpinBound(Duration::from_micros(50))
        );
        assert!(
            parse_idle("spin:x")
                .unwrap_err()
                .to_string()
                .contains("spin:50")
        );
    }

    #[test]
    fn cores_must_name_a_cpu_for_each_shard() {
        let affinity = Affinity::Cores(vec![0]);
        assert_eq!(cpus(&affinity, 1).unwrap(), Some(vec![0]));
        assert!(
            cpus(&affinity, 2)
                .unwrap_err()
                .to_string()
                .contains("one for each shard")
        );
    }
}
