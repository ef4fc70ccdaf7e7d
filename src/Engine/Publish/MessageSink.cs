namespace StreamRnn.Engine.Publish;

/// <summary>QoS and retain flag of one kind of output.</summary>
/// <param name="Qos">0 to 2.</param>
/// <param name="Retain">True if the broker keeps the latest for later subscribers.</param>
public readonly record struct Delivery(byte Qos, bool Retain);

/// <summary>A broker's end for outputs: a client's connection, or the embedded broker itself.</summary>
public interface IMessageTransport
{
    /// <summary>A fixed name, as metrics show it.</summary>
    string Name { get; }

    /// <summary>Sends a message, or keeps it until it can be sent; waits while it can do neither. Must not keep the spans.</summary>
    /// <param name="trace">Index of the sampled trace context; 0 where the message is not traced.</param>
    /// <exception cref="ObjectDisposedException">It has ended for good.</exception>
    void Send(ReadOnlySpan<byte> topic, ReadOnlySpan<byte> payload, Delivery delivery, int trace);

    /// <summary>Sends gathered messages. Called after the last message of a block.</summary>
    void Flush();

    /// <summary>Waits until the outcome of all messages is known or given up. Called after the last message.</summary>
    void Complete();
}

/// <summary>Forecasts and anomalies as messages to a broker.</summary>
/// <param name="ofForecasts">Null where forecasts are not published.</param>
/// <param name="ofAnomalies">Null where anomalies are not published.</param>
public sealed class MessageSink(IMessageTransport transport, ForecastCodec codec, Delivery? ofForecasts, Delivery? ofAnomalies) : IForecastSink
{
    public string Name => transport.Name;

    public void Write(ReadOnlySpan<Forecast> forecasts)
    {
        foreach (ref readonly Forecast forecast in forecasts)
        {
            if (ofForecasts is Delivery asForecast)
                Send(codec.EncodeForecast(in forecast), asForecast, forecast.Trace);
            if (forecast.Verdict.Alarm && ofAnomalies is Delivery asAnomaly)
                Send(codec.EncodeAnomaly(in forecast), asAnomaly, forecast.Trace);
        }
        transport.Flush();
    }

    public void Complete() => transport.Complete();

    private void Send(EncodedMessage message, Delivery delivery, int trace) => transport.Send(message.Topic, message.Payload, delivery, trace);
}
