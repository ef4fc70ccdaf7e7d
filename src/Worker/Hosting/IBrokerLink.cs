using StreamRnn.Worker.Publish;

namespace StreamRnn.Worker.Hosting;

/// <summary>The worker's one way in and out: a broker it connects to, or its own. Messages are handed to the worker as they arrive.</summary>
internal interface IBrokerLink : IMessageTransport, IDisposable
{
    /// <summary>Where ticks come from, in a few words.</summary>
    string Description { get; }

    /// <summary>Whether ticks can arrive: the subscriptions have been acknowledged.</summary>
    bool IsReady { get; }

    /// <summary>Begins to connect or to listen; does not wait until it has.</summary>
    void Start();

    /// <summary>Sends a rare message about the worker itself; gives it up rather than wait.</summary>
    void Notify(ReadOnlySpan<byte> topic, ReadOnlySpan<byte> payload);
}
