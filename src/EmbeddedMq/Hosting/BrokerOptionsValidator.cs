using Microsoft.Extensions.Options;

namespace EmbeddedMq.Hosting;

/// <summary>Checks a broker's options when they are read from services, so that their faults are told together with those of the rest.</summary>
internal sealed class BrokerOptionsValidator : IValidateOptions<BrokerOptions>
{
    /// <inheritdoc/>
    public ValidateOptionsResult Validate(string? name, BrokerOptions options)
    {
        IReadOnlyList<string> faults = BrokerOptionsCheck.FindFaults(options);
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }
}
