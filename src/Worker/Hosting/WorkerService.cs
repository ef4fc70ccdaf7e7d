using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using StreamRnn.Ingest.Faults;
using StreamRnn.Ingest.Mqtt.Client;

namespace StreamRnn.Worker.Hosting;

/// <summary>Binds the worker to the host: starts it, drains it on SIGTERM or Ctrl-C, and stops it after a duration.</summary>
/// <param name="duration">Null for as long as the host runs.</param>
internal sealed class WorkerService(
    StreamWorker worker, TimeSpan? duration, IHostApplicationLifetime lifetime, TimeProvider clock, ILogger<StreamWorker> logger) : IHostedService
{
    private ITimer? _timer;
    private long _unpublished;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _ = worker.Failure.ContinueWith(_ => lifetime.StopApplication(), TaskScheduler.Default);
        worker.Start();
        if (duration is TimeSpan length)
            _timer = clock.CreateTimer(_ => lifetime.StopApplication(), null, length, Timeout.InfiniteTimeSpan);
        Log.Started(logger, worker.Link.Name, worker.Engine.Inboxes.Count, worker.Engine.Models.Standard.Model.Name);
        return Task.CompletedTask;
    }

    // Threads drain here, so the wait takes one too; the host's shutdown timeout is the hard stop.
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        if (_timer is not null)
            await _timer.DisposeAsync();
        try
        {
            await Task.Run(worker.Dispose, CancellationToken.None).WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            GiveUp();
        }
        if (!worker.Failure.IsFaulted)
            SayDrained();
    }

    /// <summary>The time is over and ticks are not published. With a data directory that is no failure of ours, if it is the broker that does not answer.</summary>
    private void GiveUp()
    {
        long unconfirmed = worker.Outputs.Unconfirmed;
        if (worker.IsDiskFull)
            worker.Fail($"gave up draining: the disk of the data directory is full, {worker.OwedForecastCount} ticks are not written; make room. What was not acknowledged comes again");
        else if (worker.DataDir is null || unconfirmed == 0)
            worker.Fail($"gave up draining: the broker does not take the forecasts of {worker.OwedForecastCount} ticks; is it there? What was not acknowledged comes again"
                + (unconfirmed > 0 ? $"; {unconfirmed} outputs of what was are lost: no DataDir" : ""));
        else
            _unpublished = worker.OwedForecastCount;
    }

    /// <summary>The sums at the end: outputs = confirmed + refused + unconfirmed, and where the unconfirmed are.</summary>
    private void SayDrained()
    {
        PublishOutcome outputs = worker.Outputs;
        long refused = worker.Faults.Total - Enum.GetValues<TickFault>().Where(TickFaults.IsExpected).Sum(worker.Faults.Of);
        string more = (outputs.Unconfirmed > 0 ? worker.DataDir is string folder ? $", kept in {folder}" : ", lost: no DataDir" : "")
            + (_unpublished > 0 ? $"; {_unpublished} ticks are published after the next start" : "")
            + (outputs.Dropped > 0 ? $"; {outputs.Dropped} more dropped without a connection" : "")
            + (refused > 0 ? $"; {refused} ticks refused" : "")
            + (worker.Engine.Held > 0 ? $"; {worker.Engine.Held} held for the next start" : "");
        Action<ILogger, long, long, long, long, long, long, string> say = worker.LostOutputCount > 0 ? Log.DrainedWithLoss : Log.Drained;
        say(logger, worker.AcceptedTickCount, worker.Engine.Stepped, outputs.Published, outputs.Confirmed, outputs.Rejected, outputs.Unconfirmed, more);
    }
}
