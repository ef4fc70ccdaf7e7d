namespace StreamRnn.Ingest.Mqtt.Delivery;

/// <summary>
/// The ledgers that a thread has made acknowledgements due in. The thread sends them itself once it is done: waking each connection's writer costs
/// more than the few acknowledgements of a quiet stream.
/// </summary>
/// <param name="ledgers">Empty room, for the calling thread alone; empty again after <see cref="Send"/>.</param>
public readonly ref struct AckBatch(List<PacketLedger> ledgers)
{
    /// <summary>Sends what is due. Called once, by the thread that made it.</summary>
    public void Send()
    {
        foreach (PacketLedger ledger in ledgers)
            ledger.SendDue();
        ledgers.Clear();
    }

    internal void Add(PacketLedger ledger) => ledgers.Add(ledger);
}
