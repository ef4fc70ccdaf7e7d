using StreamRnn.Cells.Kernels;

namespace StreamRnn.Cells.Layers;

/// <summary>One recurrent layer, packed for a lane: steps the states of some streams in place.</summary>
internal abstract unsafe class RecurrentLayer
{
    /// <summary>The layer of a cell.</summary>
    /// <param name="cell">Which.</param>
    /// <param name="parameters">The whole block.</param>
    /// <param name="slots">This layer's part of it.</param>
    /// <param name="paddedHidden">Units with the padding, a multiple of 16.</param>
    public static RecurrentLayer Create<TLane>(CellKind cell, ReadOnlySpan<float> parameters, LayerSlots slots, int paddedHidden)
        where TLane : struct, ILane<TLane> => cell switch
        {
            CellKind.Lstm => new Recurrent<TLane, Lstm<TLane>, Panel4<TLane>>(parameters, slots, paddedHidden),
            CellKind.Gru => new Recurrent<TLane, Gru<TLane>, Panel3<TLane>>(parameters, slots, paddedHidden),
            CellKind.GruResetBefore => new GruResetBefore<TLane>(parameters, slots, paddedHidden),
            _ => new Recurrent<TLane, Rnn<TLane>, Panel1<TLane>>(parameters, slots, paddedHidden),
        };

    /// <summary>Working memory of a step of so many rows.</summary>
    public abstract int WorkFloats(int rows);

    /// <param name="inputs">[count] addresses of x.</param>
    /// <param name="states">[count] addresses of this layer's h, then c where the cell has one; the next state on return.</param>
    /// <param name="count">Rows.</param>
    /// <param name="work">[WorkFloats(count)].</param>
    /// <param name="backwards">
    /// Walks the tiles from the last to the first. A caller that alternates finds the most recent part of a model that is somewhat larger
    /// than a cache level still there.
    /// </param>
    public abstract void StepMany(nint* inputs, nint* states, int count, float* work, bool backwards);

    /// <summary>The same for one row.</summary>
    /// <param name="x">[inputs].</param>
    /// <param name="state">h, then c where the cell has one; the next state on return.</param>
    /// <param name="work">[WorkFloats(1)].</param>
    /// <param name="backwards">As for many rows.</param>
    public abstract void StepOne(float* x, float* state, float* work, bool backwards);

    /// <summary>The gates of the step that one row would make; makes none.</summary>
    /// <param name="x">[inputs].</param>
    /// <param name="state">h, then c where the cell has one.</param>
    /// <param name="work">[WorkFloats(1)].</param>
    /// <param name="gates">[gates, padded units]; overwritten.</param>
    public abstract void Gates(float* x, float* state, float* work, float* gates);
}
