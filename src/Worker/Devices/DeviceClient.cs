using Microsoft.Extensions.Logging.Abstractions;
using StreamRnn.Ingest.Mqtt.Client;
using StreamRnn.Worker.Commands;

namespace StreamRnn.Worker.Devices;

/// <summary>The connection of a simulated device: one that must stand before anything is played.</summary>
internal static class DeviceClient
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Connects and waits until the broker has accepted.</summary>
    /// <exception cref="CommandFailedException">It has not within ten seconds, or says no.</exception>
    public static BrokerLink Connect(BrokerLinkOptions options, CancellationToken stop)
    {
        using ManualResetEventSlim accepted = new();
        BrokerLink client = new(options, handler: null, NullLogger.Instance)
        {
            StateChanged = state =>
            {
                if (state != BrokerLinkState.Connecting)
                    accepted.Set();
            },
        };
        client.Start();
        try
        {
            if (accepted.Wait(Patience, stop) && client.State != BrokerLinkState.Stopped)
                return client;
        }
        catch (OperationCanceledException)
        {
            client.Dispose();
            throw;
        }
        string reason = client.LastFailure ?? "no answer";
        client.Dispose();
        throw new CommandFailedException($"cannot connect to the broker at {options.Address} ({reason}); is it running, and is this its port?");
    }
}
