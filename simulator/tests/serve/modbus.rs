//! What a Modbus client reads of it.

use tokio_modbus::ExceptionCode;
use tokio_modbus::client::Reader;
use tokio_modbus::slave::{Slave, SlaveContext};

use crate::stand::Stand;

#[tokio::test]
async fn what_a_client_decodes_is_what_was_logged_as_served() {
    let stand = Stand::start().await;
    let mut client = stand.modbus(1).await;
    let mut expected = Vec::new();
    for _ in 0..5 {
        let words = client.read_input_registers(0, 9).await.unwrap().unwrap();
        expected.push(f64::from(words[0]) / 1000.0);
        let coils = client.read_coils(0, 2).await.unwrap().unwrap();
        assert_eq!(coils, [true, false]);
        let states = client.read_discrete_inputs(0, 11).await.unwrap().unwrap();
        assert_eq!((states.len(), states[8], states[10]), (11, true, false));
        assert_eq!(
            client.read_holding_registers(0, 2).await.unwrap().unwrap(),
            [420, 500]
        );
    }
    let served = stand.served().await;
    let main: Vec<_> = served.iter().filter(|line| line["device"] == "main-1").collect();
    assert_eq!(main.len(), 20);
    let pressures: Vec<_> = main
        .iter()
        .filter_map(|line| line["values"]["main_pressure"].as_f64())
        .collect();
    assert_eq!(pressures, expected);
    assert!(
        main[0]["values"].get("jockey_starts").is_some(),
        "a point wholly inside the read is logged"
    );
    assert_eq!(
        main[1]["values"],
        serde_json::json!({"auto_mode": true, "start_command": false})
    );
    assert!(main[0]["at"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn a_read_outside_the_registers_and_a_strange_unit_are_refused() {
    let stand = Stand::start().await;
    let mut client = stand.modbus(1).await;
    assert_eq!(
        client.read_input_registers(0, 10).await.unwrap(),
        Err(ExceptionCode::IllegalDataAddress)
    );
    assert_eq!(
        client.read_input_registers(0, 61).await.unwrap(),
        Err(ExceptionCode::IllegalDataValue)
    );
    client.set_slave(Slave(9));
    assert_eq!(
        client.read_input_registers(0, 1).await.unwrap(),
        Err(ExceptionCode::GatewayTargetDevice)
    );
    client.set_slave(Slave(2));
    let gap = client.read_holding_registers(0, 14).await.unwrap().unwrap();
    assert_eq!((gap[3], gap[7], gap[11]), (0, 0, 0));
    stand.running.stop().await;
}
