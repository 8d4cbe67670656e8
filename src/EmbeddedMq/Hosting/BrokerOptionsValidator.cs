using Microsoft.Extensions.Options;

namespace EmbeddedMq.Hosting;

/// <summary>Checks a broker's options before it is started.</summary>
internal sealed class BrokerOptionsValidator : IValidateOptions<BrokerOptions>
{
    private readonly BrokerLimitsValidator _limits = new();

    /// <inheritdoc/>
    public ValidateOptionsResult Validate(string? name, BrokerOptions options)
    {
        List<string> failures = [];
        if (string.IsNullOrWhiteSpace(options.Name))
        {
            failures.Add("Name is empty. Give the broker a name.");
        }

        if (options.MemoryHighWatermarkBytes is <= 0)
        {
            failures.Add($"MemoryHighWatermarkBytes is {options.MemoryHighWatermarkBytes}. It must be more than 0, or be left out for 40 % of the memory.");
        }

        if (options.TimeProvider is null)
        {
            failures.Add("TimeProvider is null. Leave it at TimeProvider.System, or give it a clock.");
        }

        if (options.Limits is null)
        {
            failures.Add("Limits is null. Change its properties instead.");
        }
        else
        {
            failures.AddRange(_limits.Validate(name, options.Limits).Failures ?? []);
        }

        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }
}
