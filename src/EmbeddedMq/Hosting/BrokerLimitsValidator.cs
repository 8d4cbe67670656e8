using Microsoft.Extensions.Options;

namespace EmbeddedMq.Hosting;

/// <summary>Checks a broker's limits against their ranges; the source generator writes it.</summary>
[OptionsValidator]
internal sealed partial class BrokerLimitsValidator : IValidateOptions<BrokerLimits>;
