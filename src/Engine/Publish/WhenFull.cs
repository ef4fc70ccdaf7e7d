namespace StreamRnn.Engine.Publish;

/// <summary>Policy of a shard when the publisher is behind by the whole queue.</summary>
public enum WhenFull
{
    /// <summary>Back-pressure: the shard waits, its ticks queue up, and intake waits, at QoS 1 and 2 as far back as the sender. Nothing is lost.</summary>
    Wait = 0,

    /// <summary>Forecasts are dropped and counted: states stay exact, outputs do not.</summary>
    DropForecasts = 1,
}
