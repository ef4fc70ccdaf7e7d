using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using StreamRnn.Worker.Telemetry;

namespace StreamRnn.Worker.Hosting;

/// <summary>Ties the worker's life to the host's: it starts, drains on SIGTERM or Ctrl-C, and stops by itself after a duration.</summary>
/// <param name="duration">Null for as long as the host runs.</param>
internal sealed class WorkerService(
    StreamWorker worker, TimeSpan? duration, IHostApplicationLifetime lifetime, TimeProvider clock, ILogger<StreamWorker> logger) : IHostedService
{
    private ITimer? _timer;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        worker.Failed = lifetime.StopApplication;
        worker.Start();
        if (duration is TimeSpan length)
            _timer = clock.CreateTimer(_ => lifetime.StopApplication(), null, length, Timeout.InfiniteTimeSpan);
        Log.Started(logger, worker.Link.Name, worker.Engine.Queues.Count, worker.Engine.Models.Standard.Model.Name);
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
            worker.Fail(worker.IsDiskFull
                ? $"gave up draining: the disk of the data directory is full, {worker.OwedForecastCount} ticks are not written; make room. What was not acknowledged comes again"
                : $"gave up draining: the broker does not take the forecasts of {worker.OwedForecastCount} ticks; is it there? What was not acknowledged comes again");
        }
        if (worker.Failure is null)
            Log.Drained(logger, worker.AcceptedTickCount, worker.Engine.Stepped, worker.Engine.Published, worker.Faults.Total, worker.Engine.Held);
    }
}
