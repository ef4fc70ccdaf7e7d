namespace StreamRnn.Cells.Kernels;

/// <summary>Activation of a dense layer.</summary>
public enum DenseActivation
{
    None,
    Relu,
    Tanh,
    Sigmoid,
}
