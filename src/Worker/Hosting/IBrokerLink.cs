using StreamRnn.Engine.Publish;
using StreamRnn.Ingest.Mqtt.Client;
using StreamRnn.Ingest.Mqtt.Delivery;

namespace StreamRnn.Worker.Hosting;

/// <summary>The worker's one way in and out: a broker it connects to, or its own. Messages are handed to the worker as they arrive.</summary>
internal interface IBrokerLink : IMessageTransport, IDisposable
{
    /// <summary>Origin of the ticks, for people.</summary>
    string Description { get; }

    /// <summary>True when ticks can arrive: the subscriptions have been acknowledged.</summary>
    bool IsReady { get; }

    /// <summary>Reason that ticks cannot arrive; null where there is none, or none is known.</summary>
    string? Trouble { get; }

    /// <summary>The fate of the forecasts and anomalies handed over so far.</summary>
    PublishOutcome Outputs { get; }

    /// <summary>Begins to publish, before anything is taken in; does not wait for a connection.</summary>
    void StartSending();

    /// <summary>Begins to take in, after <see cref="StartSending"/>; does not wait for a connection.</summary>
    void Start();

    /// <summary>Takes nothing more in: what arrives from here on is neither noted nor acknowledged, and comes again. Waits for the message in hand.</summary>
    void StopTakingIn();

    /// <summary>Sessions of the embedded broker; null for a broker elsewhere, which keeps its own.</summary>
    ISessionJournal? Sessions { get; }

    /// <summary>Marks a place in the sequence of messages and calls back when the broker has confirmed everything before it. Called by the sending thread.</summary>
    /// <param name="position">For the action.</param>
    void Mark(long position, Action<long> confirmed);

    /// <summary>Sends a rare message about the worker itself; gives it up rather than wait.</summary>
    void Notify(ReadOnlySpan<byte> topic, ReadOnlySpan<byte> payload);
}
