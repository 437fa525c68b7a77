//! `STATUSBUS_SIM_SEED=1234` runs one seed, `STATUSBUS_SIM_SEEDS=100000` so many; 1,000 otherwise.

fn number(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable} has to be a number, not {value:?}")))
}

#[test]
fn no_seed_breaks_a_rule() {
    let seeds = match number("STATUSBUS_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("STATUSBUS_SIM_SEEDS").unwrap_or(1_000),
    };
    let report = statusbus_sim::run(seeds);
    assert!(report.is_clean(), "{report}");
    println!("{report}");
    if report.ran >= 1_000 {
        assert_eq!(report.unreached(), [""; 0], "no seed comes to these: {report}");
    }
}
