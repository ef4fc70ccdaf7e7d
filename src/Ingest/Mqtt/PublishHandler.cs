namespace StreamRnn.Ingest.Mqtt;

/// <summary>
/// Takes a message that a connection has read, on that connection's reading thread; blocking here is how a peer is made to wait.
/// </summary>
/// <param name="publish">Valid for the call only. Its topic is never empty: an alias has been resolved.</param>
/// <param name="ledger">
/// The acknowledgements of the connection. At QoS 1 and 2 the handler opens the packet in it exactly once, with the number of ticks to
/// wait for; the connection has made sure that it is not full. At QoS 0 it is not touched.
/// </param>
public delegate void PublishHandler(in MqttPublish publish, PacketLedger ledger);
