namespace StreamRnn.Engine.Publish;

/// <summary>Receiver of forecasts: a broker, files, nothing. Called by one thread at a time, the publisher's or a shard's.</summary>
public interface IForecastSink
{
    /// <summary>A fixed name, as metrics show it.</summary>
    string Name { get; }

    /// <summary>True if the sink also receives forecasts replayed after a restart; it must drop repeats by n.</summary>
    bool TakesRepeats => false;

    /// <summary>Takes the forecasts of a block, in order. May wait, and intake then waits with it; must not keep the span.</summary>
    /// <exception cref="ObjectDisposedException">It has ended for good: nothing leaves any more, and no tick is acknowledged.</exception>
    void Write(ReadOnlySpan<Forecast> forecasts);

    /// <summary>No more forecasts will come.</summary>
    void Complete();
}
