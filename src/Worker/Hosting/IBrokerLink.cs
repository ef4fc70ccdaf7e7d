using StreamRnn.Worker.Publish;

namespace StreamRnn.Worker.Hosting;

/// <summary>The worker's one way in and out: a broker it connects to, or its own. Messages are handed to the worker as they arrive.</summary>
internal interface IBrokerLink : IMessageTransport, IDisposable
{
    /// <summary>Where ticks come from, in a few words.</summary>
    string Description { get; }

    /// <summary>Whether ticks can arrive: the subscriptions have been acknowledged.</summary>
    bool IsReady { get; }

    /// <summary>Begins to publish, before anything is taken in; does not wait for a connection.</summary>
    void StartSending();

    /// <summary>Begins to take in, after <see cref="StartSending"/>; does not wait for a connection.</summary>
    void Start();

    /// <summary>Sends a rare message about the worker itself; gives it up rather than wait.</summary>
    void Notify(ReadOnlySpan<byte> topic, ReadOnlySpan<byte> payload);
}
