//! Runs 1,000 seeds, or as many as `STATUSBUS_SIM_SEEDS` names, or the one that `STATUSBUS_SIM_SEED`
//! names.

fn number(variable: &str) -> Result<Option<u64>, String> {
    let Ok(value) = std::env::var(variable) else { return Ok(None) };
    let number = value.parse().map_err(|_| format!("{variable} must be a number, is {value:?}"))?;
    Ok(Some(number))
}

#[test]
fn no_seed_breaks_a_rule() -> Result<(), String> {
    let seeds = match number("STATUSBUS_SIM_SEED")? {
        Some(seed) => seed..seed + 1,
        None => 0..number("STATUSBUS_SIM_SEEDS")?.unwrap_or(1_000),
    };
    let report = statusbus_sim::run(seeds);
    assert!(report.is_clean(), "{report}");
    if report.ran >= 1_000 {
        let unreached = report.unreached();
        assert!(unreached.is_empty(), "situations that no seed reaches: {unreached:?}");
    }
    println!("{report}");
    Ok(())
}
