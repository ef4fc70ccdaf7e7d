namespace StreamRnn.Worker.Publish;

/// <summary>Where forecasts go: a broker, files, nowhere. Called by one thread at a time, the publisher's or a shard's.</summary>
public interface IForecastSink
{
    /// <summary>A fixed name, as metrics show it.</summary>
    string Name { get; }

    /// <summary>Whether it is given again what an earlier run has published and this one steps again; it tells repeats by their n.</summary>
    bool TakesRepeats => false;

    /// <summary>Takes the forecasts of a block, in order. May wait, and intake then waits with it; must not keep the span.</summary>
    void Write(ReadOnlySpan<Forecast> forecasts);

    /// <summary>No more forecasts will come.</summary>
    void Complete();
}
